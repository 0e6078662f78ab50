// Line numbers beside a text area, marks on the lines with mistakes, and a way to go there.
"use strict";

class CodeArea {
  constructor(area) {
    this.area = area;
    this.wrong = new Set();
    this.box = document.createElement("div");
    this.box.className = "tpl-code";
    this.gutter = document.createElement("div");
    this.gutter.className = "tpl-gutter";
    this.gutter.setAttribute("aria-hidden", "true");
    area.replaceWith(this.box);
    this.box.append(this.gutter, area);
    area.addEventListener("input", () => this.draw());
    area.addEventListener("scroll", () => this.follow());
    new ResizeObserver(() => this.follow()).observe(area);
    this.draw();
  }

  draw() {
    const count = this.area.value.split("\n").length;
    const numbers = Array.from({ length: count }, (_, index) => this.drawNumber(index + 1));
    this.gutter.replaceChildren(...numbers);
    this.follow();
  }

  drawNumber(number) {
    const line = document.createElement("div");
    line.textContent = number;
    line.classList.toggle("is-wrong", this.wrong.has(number));
    return line;
  }

  follow() {
    this.gutter.style.height = `${this.area.offsetHeight}px`;
    this.gutter.scrollTop = this.area.scrollTop;
  }

  mark(lines) {
    this.wrong = new Set(lines);
    this.box.classList.toggle("has-errors", this.wrong.size > 0);
    this.draw();
  }

  goTo(line, column) {
    const before = this.area.value.split("\n").slice(0, line - 1);
    const start = before.reduce((length, text) => length + text.length + 1, 0) + column - 1;
    this.area.focus();
    this.area.setSelectionRange(start, start + 1);
    const height = parseFloat(getComputedStyle(this.area).lineHeight) || 20;
    this.area.scrollTop = Math.max(0, (line - 4) * height);
  }
}
