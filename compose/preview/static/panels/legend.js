// The legend of a chart: a list, or a table with calculated values; a click shows one series alone, with Ctrl or Shift it hides one.

import { reduce, reducerName, UNITLESS } from "../lib/reduce.js";
import { join } from "../lib/units.js";
import { h } from "../ui/dom.js";

/**
 * @param {{name: string, color: string, values: any[], process?: (value: number) => object}[]} items
 * @param {object} options of the panel's legend
 * @param {Set<string>} hidden names of hidden series; null where nothing can be hidden
 * @param {() => void} changed called after `hidden` has changed
 */
export function legend(items, options, hidden, changed) {
  const calcs = options.calcs ?? [];
  const asTable = options.displayMode === "table";
  const shown = (item, id) => {
    const value = reduce(item.values, id);
    if (value === null) return "-";
    return UNITLESS.has(id) ? String(value) : join(item.process(value));
  };
  const toggle = (item) => (event) => {
    const others = items.filter((other) => other.name !== item.name).map((other) => other.name);
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      if (!hidden.delete(item.name)) hidden.add(item.name);
    } else {
      const alone = !hidden.has(item.name) && others.length > 0 && others.every((name) => hidden.has(name));
      hidden.clear();
      if (!alone) for (const name of others) hidden.add(name);
    }
    changed();
  };
  const key = (item) => {
    const off = hidden?.has(item.name);
    const content = [
      h("span", { class: "swatch", style: { "background-color": item.color } }),
      h("span", { class: "legend-name" }, item.name),
    ];
    if (!hidden) return h("span", { class: "legend-key" }, content);
    return h(
      "button",
      {
        type: "button",
        class: off ? "legend-key off" : "legend-key",
        "aria-pressed": String(!off),
        title: item.name,
        onclick: toggle(item),
      },
      content,
    );
  };
  if (!asTable) {
    return h(
      "ul",
      { class: "legend list" },
      items.map((item) =>
        h(
          "li",
          {},
          key(item),
          calcs.map((id) => h("span", { class: "legend-calc" }, `${reducerName(id)}: ${shown(item, id)}`)),
        ),
      ),
    );
  }
  const head = h(
    "tr",
    {},
    h("th", { scope: "col" }, "Name"),
    calcs.map((id) => h("th", { scope: "col", class: "number" }, reducerName(id))),
  );
  const rows = items.map((item) =>
    h(
      "tr",
      {},
      h("td", {}, key(item)),
      calcs.map((id) => h("td", { class: "number" }, shown(item, id))),
    ),
  );
  return h("div", { class: "legend" }, h("table", {}, h("thead", {}, head), h("tbody", {}, rows)));
}

/** A body split into chart and legend, as the panel's options place them. */
export function withLegend(root, element, options) {
  const chart = h("div", { class: "chart" });
  const right = options.placement === "right";
  root.replaceChildren(h("div", { class: right ? "split right" : "split" }, chart, element ?? ""));
  if (element && right && options.width) element.style.width = `${options.width}px`;
  return chart;
}
