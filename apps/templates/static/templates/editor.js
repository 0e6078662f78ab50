// The template editor: asks for a preview while somebody writes, and shows what is wrong where.
"use strict";

const WAIT_MS = 300;

class Editor {
  constructor(root) {
    this.root = root;
    this.form = root.closest("form");
    this.preview = root.querySelector("[data-preview]").preview;
    this.areas = new Map();
    for (const area of root.querySelectorAll("textarea[data-code]")) {
      this.areas.set(area.name, new CodeArea(area));
    }
    this.form.addEventListener("input", (event) => this.changed(event.target));
    this.form.addEventListener("change", (event) => this.changed(event.target));
    this.form.addEventListener("submit", () => { this.isSubmitted = true; });
    window.addEventListener("beforeunload", (event) => this.warn(event));
    this.tryButton = document.querySelector("[data-try]");
    this.tryButton.hidden = false;
    this.tryButton.addEventListener("click", () => this.sendToMe());
    root.classList.add("is-ready");
    this.arrange();
    this.refresh();
  }

  get channel() {
    return this.root.dataset.channel || this.form.elements.channel?.value || "";
  }

  // Shows the parts of the chosen channel and format; the others are not submitted.
  arrange() {
    const channel = this.channel || "email";
    for (const part of this.root.querySelectorAll(".tpl-write [data-only]")) {
      part.hidden = part.dataset.only !== channel;
      for (const field of part.querySelectorAll("input, textarea")) field.disabled = part.hidden;
    }
    const format = this.form.elements.format?.value || "html";
    for (const name of ["html", "mjml", "markdown"]) {
      const field = this.root.querySelector(`[data-field="${name}"]`);
      if (field) field.hidden = name !== format;
    }
    this.preview.root.dataset.channel = channel;
  }

  changed(field) {
    if (!field.name) return;
    this.isChanged = true;
    if (["channel", "format"].includes(field.name)) this.arrange();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), WAIT_MS);
  }

  warn(event) {
    if (this.isChanged && !this.isSubmitted) event.preventDefault();
  }

  async refresh() {
    this.asking?.abort();
    this.asking = new AbortController();
    try {
      const answer = await this.ask(this.root.dataset.previewUrl, this.asking.signal);
      if (!answer.ok) throw new Error(answer.statusText);
      this.show(await answer.json());
    } catch (error) {
      if (error.name !== "AbortError") this.preview.say({ problem: "No preview: the server does not answer.", stale: true });
    }
  }

  ask(url, signal) {
    const body = new FormData(this.form);
    return fetch(url, { method: "POST", body, signal, headers: { Accept: "application/json" } });
  }

  show({ errors, required, missing, problem, message }) {
    this.showErrors(errors);
    this.showVariables(required, missing);
    const count = errors.length === 1 ? "1 mistake" : `${errors.length} mistakes`;
    this.preview.say({ problem, busy: errors.length ? count : "", stale: !message });
    if (message) this.preview.draw(message);
  }

  showErrors(errors) {
    for (const field of this.root.querySelectorAll("[data-field]")) {
      const own = errors.filter((error) => error.field === field.dataset.field);
      field.classList.toggle("has-errors", own.length > 0);
      field.querySelector("[data-faults]")?.replaceChildren(...own.map((error) => this.drawError(error)));
      this.areas.get(field.dataset.field)?.mark(own.map((error) => error.line));
      this.describe(field.querySelector("input, textarea, select"), own.length > 0);
    }
  }

  // Tells whoever hears the page instead of seeing it.
  describe(input, isWrong) {
    if (!input) return;
    input.setAttribute("aria-invalid", String(isWrong));
    input.setAttribute("aria-errormessage", `${input.id}_error`);
  }

  drawError({ field, line, column, message, excerpt }) {
    const fault = document.createElement("button");
    fault.type = "button";
    fault.className = "tpl-fault";
    fault.textContent = excerpt ? `Line ${line}, column ${column}: ${message}` : message;
    if (excerpt) fault.append(Object.assign(document.createElement("pre"), { textContent: excerpt }));
    fault.addEventListener("click", () => {
      const area = this.areas.get(field);
      if (area) area.goTo(line, column);
      else this.form.elements[field]?.focus();
    });
    return fault;
  }

  showVariables(required, missing) {
    const box = this.root.querySelector("[data-variables]");
    box.hidden = required.length + missing.length === 0;
    const names = [...new Set([...required, ...missing])];
    const marks = names.map((name) => this.drawVariable(name, missing.includes(name)));
    box.querySelector("[data-required]").replaceChildren(...marks);
  }

  drawVariable(name, isMissing) {
    const mark = document.createElement(isMissing ? "button" : "span");
    mark.textContent = isMissing ? `${name} +` : name;
    mark.className = isMissing ? "" : "is-given";
    if (isMissing) {
      mark.type = "button";
      mark.title = "Add it to the sample variables";
      mark.addEventListener("click", () => this.addSample(name));
    }
    const item = document.createElement("li");
    item.append(mark);
    return item;
  }

  addSample(name) {
    const field = this.form.elements.sample_variables;
    let values;
    try {
      values = JSON.parse(field.value || "{}");
    } catch {
      field.focus();
      return;
    }
    const [first, ...rest] = name.split(".");
    const last = rest.pop();
    let place = values;
    if (last !== undefined) place = [first, ...rest].reduce((at, key) => (at[key] = Object(at[key])), values);
    place[last ?? first] = last ?? first;
    field.value = JSON.stringify(values, null, 2);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async sendToMe() {
    const said = document.querySelector("[data-said]");
    this.tryButton.disabled = true;
    said.classList.remove("is-bad");
    said.textContent = "Sending…";
    try {
      const answer = await this.ask(this.root.dataset.tryUrl);
      const { message, page } = await answer.json();
      said.textContent = `${message} `;
      said.classList.toggle("is-bad", !answer.ok);
      if (page) said.append(Object.assign(document.createElement("a"), { href: page, textContent: "What became of it" }));
    } catch {
      said.textContent = "Not sent: the server does not answer.";
      said.classList.add("is-bad");
    }
    this.tryButton.disabled = false;
  }
}

for (const root of document.querySelectorAll("[data-editor]")) new Editor(root);
