// The inbox page: new messages appear by themselves, messages open without a reload.
// Without this script every link still works.
"use strict";

const POLL_MS = 1000;
const POLL_HIDDEN_MS = 5000;
const MOST_ROWS = 200;

const rows = document.getElementById("rows");
const detail = document.getElementById("detail");
const live = document.getElementById("live");
let arrivedUnseen = 0;

const rowOf = (id) => rows.querySelector(`.row[data-id="${CSS.escape(id)}"]`);

function showTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    const isToday = at.toDateString() === new Date().toDateString();
    time.title = at.toLocaleString();
    if ("clock" in time.dataset) {
      time.textContent = at.toTimeString().slice(0, 5);
    } else if ("full" in time.dataset) {
      time.textContent = at.toLocaleString(undefined, { dateStyle: "long", timeStyle: "medium" });
    } else if (isToday) {
      time.textContent = at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
    } else {
      time.textContent = at.toLocaleDateString(undefined, { day: "numeric", month: "short" });
    }
  }
}

function markSelected(id) {
  rows.querySelector("[aria-current]")?.removeAttribute("aria-current");
  document.body.classList.toggle("has-selection", id !== null);
  const row = id && rowOf(id);
  if (row) {
    row.setAttribute("aria-current", "true");
    row.classList.remove("is-new");
  }
}

async function openMessage(id, url) {
  const response = await fetch(`${url}?part=detail`, { redirect: "manual" });
  if (!response.ok) {
    location.assign(url); // signed out, or cleared meanwhile: the server says which
    return;
  }
  detail.innerHTML = await response.text();
  detail.scrollTop = 0;
  showTimes(detail);
  markSelected(id);
}

function closeMessage() {
  detail.replaceChildren();
  markSelected(null);
}

function insertArrivals(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const arrived = [...holder.content.querySelectorAll("li")].filter(
    (item) => !rowOf(item.querySelector(".row").dataset.id),
  );
  for (const item of arrived.reverse()) {
    item.querySelector(".row").classList.add("is-new");
    showTimes(item);
    rows.prepend(item);
  }
  while (rows.children.length > MOST_ROWS) rows.lastElementChild.remove();
  if (arrived.length > 0) {
    document.body.classList.remove("is-empty");
    arrivedUnseen = document.hidden ? arrivedUnseen + arrived.length : 0;
    showUnseen();
  }
}

function showUnseen() {
  document.title = `${arrivedUnseen ? `(${arrivedUnseen}) ` : ""}Inbox – Notifier`;
}

async function poll() {
  const newest = rows.querySelector(".row")?.dataset.id ?? "";
  try {
    const response = await fetch(`${rows.dataset.arrivals}?after=${newest}`, { redirect: "manual" });
    if (response.type === "opaqueredirect") location.reload(); // the session has ended
    if (response.ok) insertArrivals(await response.text());
    showConnection(response.ok);
  } catch {
    showConnection(false);
  }
  setTimeout(poll, document.hidden ? POLL_HIDDEN_MS : POLL_MS);
}

function showConnection(isUp) {
  live.classList.toggle("is-off", !isUp);
  const text = isUp ? "live" : "not connected";
  if (live.textContent !== text) live.textContent = text;
}

function stepTo(offset) {
  const all = [...rows.querySelectorAll(".row")];
  const at = all.findIndex((row) => row.hasAttribute("aria-current"));
  const next = all[at + offset];
  if (next) {
    next.focus();
    next.click();
  }
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  const row = event.target.closest(".row");
  if (row) {
    event.preventDefault();
    if (location.href !== row.href) history.pushState({ id: row.dataset.id }, "", row.href);
    openMessage(row.dataset.id, row.href);
  } else if (event.target.closest(".back")) {
    event.preventDefault();
    history.pushState(null, "", event.target.closest(".back").href);
    closeMessage();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, pre")) return;
  if (event.key === "ArrowDown" || event.key === "j") stepTo(1);
  else if (event.key === "ArrowUp" || event.key === "k") stepTo(-1);
  else return;
  event.preventDefault();
});

window.addEventListener("popstate", () => {
  const id = location.pathname.match(/messages\/([0-9a-f-]{36})/)?.[1];
  if (id) openMessage(id, location.pathname);
  else closeMessage();
});

document.addEventListener("visibilitychange", () => {
  arrivedUnseen = 0;
  showUnseen();
});

document.getElementById("clear")?.addEventListener("submit", (event) => {
  if (!confirm("Delete every captured message?")) event.preventDefault();
});

const copy = document.getElementById("copy");
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(document.getElementById("curl").textContent);
  copy.textContent = "Copied";
});

showTimes(document);
if (rows.dataset.arrivals !== undefined) setTimeout(poll, POLL_MS);
