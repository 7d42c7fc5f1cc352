// Where panels stand: Grafana's grid of 24 columns, in sections that begin with a row and can be folded.

import { h, icon } from "./ui/dom.js";

/** Panels by section: [{row, panels}], the first without a row. A folded row carries its panels inside itself. */
export function sections(panels) {
  const found = [{ row: null, panels: [] }];
  const place = ({ gridPos: { x = 0, y = 0 } = {} }) => y * 100 + x;
  const ordered = [...panels].sort((a, b) => place(a) - place(b));
  for (const panel of ordered) {
    if (panel.type === "row") found.push({ row: panel, panels: [...(panel.panels ?? [])] });
    else found[found.length - 1].panels.push(panel);
  }
  return found.filter(({ row, panels: inside }) => row || inside.length);
}

/** A grid with `elements` at their panels' places; the topmost panel stands in the first row. */
export function grid(panels, elements) {
  const base = Math.min(...panels.map(({ gridPos }) => gridPos?.y ?? 0));
  panels.forEach(({ gridPos: { x = 0, y = 0, w = 24, h: height = 8 } = {} }, index) => {
    const { style } = elements[index];
    style.setProperty("--column", `${x + 1} / span ${w}`);
    style.setProperty("--row", `${y - base + 1} / span ${height}`);
    style.setProperty("--height", String(height));
    // On a phone two of these fit side by side.
    elements[index].classList.toggle("small", w <= 8 && height <= 5);
  });
  return h("div", { class: "grid" }, elements);
}

/** A row's heading and its grid; `toggled(open)` is called when it is folded or unfolded. */
export function section(row, title, content, open, toggled) {
  if (!row) return h("div", { class: "section" }, content);
  const fold = (next) => {
    button.setAttribute("aria-expanded", String(next));
    content.hidden = !next;
  };
  const button = h(
    "button",
    {
      type: "button",
      class: "row-heading",
      onclick: () => {
        const next = button.getAttribute("aria-expanded") !== "true";
        fold(next);
        toggled(next);
      },
    },
    icon("down", 16),
    h("span", {}, title),
    h("span", { class: "muted count" }, `${content.childElementCount} panels`),
  );
  fold(open);
  return h("div", { class: "section" }, h("h2", { class: "row-title" }, button), content);
}
