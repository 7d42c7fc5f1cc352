// The box beside the pointer: time, then one line a series. A click pins it, so that its links can be followed.

import { dateText } from "../lib/timerange.js";
import { anchor, h, icon } from "./dom.js";

const MAX_ROWS = 16;

export class Tooltip {
  constructor(host) {
    this.host = host;
    this.pinned = false;
    this.box = h("div", { class: "tooltip", hidden: true });
    document.body.append(this.box);
    this.away = (event) => {
      if (this.pinned && !this.box.contains(event.target)) this.unpin();
    };
    this.key = (event) => {
      if (event.key === "Escape" && this.pinned) this.unpin();
    };
    document.addEventListener("pointerdown", this.away, true);
    document.addEventListener("keydown", this.key);
  }

  time(ms, zone) {
    return dateText(ms, zone);
  }

  /** @param {{time: number, rows: {name, value, color, near}[], links?: object[]} | null} content */
  show(plot, content, zone) {
    if (!content?.rows.length) {
      this.hide();
      return;
    }
    this.#fill(content, zone, false);
    this.#place(plot);
  }

  pin(plot, content, zone) {
    if (!content?.rows.length) return;
    this.pinned = true;
    this.#fill(content, zone, true);
    this.#place(plot);
  }

  unpin() {
    this.pinned = false;
    this.hide();
  }

  /** One exemplar: its value, its labels and, where it is known, the way to its trace. */
  exemplar(mark, { time, labels, trace }, value, { zone, traces, pinned = false }) {
    this.pinned = pinned;
    this.box.classList.toggle("pinned", pinned);
    const rows = Object.entries(labels)
      .filter(([name]) => name !== "__name__")
      .map(([name, text]) => h("tr", {}, h("td", { class: "tip-label" }, name), h("td", {}, text)));
    const link =
      traces && trace
        ? anchor(`${traces}/${encodeURIComponent(trace)}`, true, icon("link", 13), "Open the trace")
        : "";
    this.box.replaceChildren(
      h("div", { class: "tip-time" }, dateText(time, zone), h("strong", {}, value)),
      h("table", {}, rows),
      link
        ? h("div", { class: "tip-links" }, pinned ? link : h("span", { class: "tip-more" }, "Click for the trace"))
        : "",
    );
    const at = mark.getBoundingClientRect();
    this.#at(at.left, at.top);
    if (pinned) this.box.querySelector("a")?.focus();
  }

  event(flag, { title, text, tags, from, to }, zone) {
    const span = to > from ? `${dateText(from, zone)} to ${dateText(to, zone)}` : dateText(from, zone);
    this.box.replaceChildren(
      h("div", { class: "tip-time" }, span),
      h("strong", {}, title),
      text ? h("div", {}, text) : "",
      h(
        "div",
        { class: "tags" },
        tags.map((tag) => h("span", { class: "tag" }, tag)),
      ),
    );
    const at = flag.getBoundingClientRect();
    this.#at(at.left, at.top);
  }

  hide() {
    this.box.hidden = true;
    this.box.classList.remove("pinned");
  }

  destroy() {
    document.removeEventListener("pointerdown", this.away, true);
    document.removeEventListener("keydown", this.key);
    this.box.remove();
  }

  #fill({ time, rows, links = [] }, zone, pinned) {
    let shown = rows.slice(0, MAX_ROWS);
    const near = rows.find((row) => row.near);
    if (near && !shown.includes(near)) shown = [...shown.slice(0, -1), near];
    const lines = shown.map(({ name, value, color, near: isNear }) =>
      h("tr", { class: isNear && rows.length > 1 ? "near" : null }, [
        h("td", {}, h("span", { class: "swatch", style: { "background-color": color } })),
        h("td", { class: "tip-name" }, name),
        h("td", { class: "tip-value" }, value),
      ]),
    );
    this.box.classList.toggle("pinned", pinned);
    this.box.replaceChildren(
      h(
        "div",
        { class: "tip-time" },
        dateText(time, zone),
        pinned
          ? h(
              "button",
              { type: "button", class: "tip-close", "aria-label": "Close", onclick: () => this.unpin() },
              icon("close", 14),
            )
          : "",
      ),
      h("table", {}, lines),
      rows.length > shown.length ? h("div", { class: "tip-more" }, `and ${rows.length - shown.length} more`) : "",
      links.length
        ? h(
            "div",
            { class: "tip-links" },
            pinned
              ? links.map((link) => anchor(link.url, link.blank, icon("link", 13), link.title))
              : h("span", { class: "tip-more" }, "Click for links"),
          )
        : "",
    );
  }

  #place(plot) {
    const over = plot.over.getBoundingClientRect();
    this.#at(over.left + plot.cursor.left, over.top + Math.max(0, plot.cursor.top));
  }

  #at(x, y) {
    this.box.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const left = x + 18 + width > window.innerWidth ? x - width - 14 : x + 18;
    this.box.style.left = `${Math.max(6, left)}px`;
    this.box.style.top = `${Math.max(6, Math.min(y + 12, window.innerHeight - height - 8))}px`;
  }
}
