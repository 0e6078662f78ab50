// Shows a rendered message: a mail in a frame that runs and loads nothing, a push on a phone.
"use strict";

const DESKTOP_WIDTH = 720;

class Preview {
  constructor(root) {
    this.root = root;
    this.mail = root.querySelector(".tpl-mail");
    this.frame = root.querySelector("[data-page]");
    for (const button of root.querySelectorAll("[data-show]")) {
      button.addEventListener("click", () => this.show(button.dataset.show));
    }
    if (matchMedia("(max-width: 48rem)").matches) this.show("phone");
    new ResizeObserver(() => this.fit()).observe(root.querySelector("[data-screen]"));
  }

  find(name) {
    return this.root.querySelector(`[data-${name}]`);
  }

  show(view) {
    this.mail.dataset.view = view;
    for (const button of this.root.querySelectorAll("[data-show]")) {
      button.setAttribute("aria-pressed", String(button.dataset.show === view));
    }
    this.fit();
  }

  // A desktop is wider than the column: the page is laid out wide and then made smaller.
  fit() {
    const { clientWidth: width, clientHeight: height } = this.find("screen");
    const scale = this.mail.dataset.view === "desktop" ? Math.min(1, width / DESKTOP_WIDTH) : 1;
    this.frame.style.width = `${width / scale}px`;
    this.frame.style.height = `${height / scale}px`;
    this.frame.style.transform = scale < 1 ? `scale(${scale})` : "";
  }

  say({ problem = "", busy = "", stale = false }) {
    this.find("problem").textContent = problem;
    this.find("problem").hidden = !problem;
    this.find("busy").textContent = busy;
    this.root.classList.toggle("is-stale", stale);
    this.root.classList.toggle("is-empty", stale && !this.isDrawn);
  }

  draw(message) {
    this.isDrawn = true;
    this.root.classList.remove("is-empty");
    if (message.kind === "push") this.drawPush(message);
    else this.drawMail(message);
  }

  drawMail({ subject, page, text, hosted, is_hosted_alone: alone, size }) {
    this.find("subject").textContent = subject;
    this.find("text").textContent = text;
    if (this.frame.srcdoc !== page) this.frame.srcdoc = page;
    const kept = Object.entries(hosted).map(([host, id]) => `${host} sends its template ${id} instead.`);
    const own = alone ? [] : ["Images from elsewhere are not loaded here."];
    const weight = size ? [`${(size / 1024).toFixed(1)} KiB of HTML.`] : [];
    this.find("note").textContent = [...kept, ...weight, ...own].join(" ");
  }

  drawPush({ title, body, image, link, data }) {
    this.find("title").textContent = title;
    this.find("body").textContent = body;
    this.find("image").hidden = !image;
    this.find("image").querySelector("small").textContent = image || "";
    this.find("link").textContent = link ? `A tap opens ${link}` : "";
    const values = Object.entries(data).map(([key, value]) => `${key}=${value}`);
    this.find("data").textContent = values.length ? `Data: ${values.join(", ")}` : "";
  }
}

for (const root of document.querySelectorAll("[data-preview]")) root.preview = new Preview(root);
