// Checks a file without leaving the page, so that the form does not forget which file it was.
"use strict";

const form = document.getElementById("upload-form");
const result = document.getElementById("upload-result");

form.elements.check.addEventListener("click", async (event) => {
  if (!form.reportValidity()) return;
  event.preventDefault();
  const body = new FormData(form);
  body.set("check", "1");
  result.textContent = "Checking…";
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const checked = page.getElementById("upload-result");
    result.replaceChildren(...(checked ? checked.childNodes : ["The check failed; try again."]));
  } catch {
    result.textContent = "The check failed; try again.";
  }
});
