// One large number a series, with its course behind it.

import { alpha, readableOn } from "../lib/colors.js";
import { join } from "../lib/units.js";
import { FONT_FAMILY, h, textWidth } from "../ui/dom.js";
import { gridOf, linked, valuesOf } from "./values.js";

function sparkline(host, { field, times }, color, range) {
  const plot = new uPlot(
    {
      width: Math.max(10, host.clientWidth),
      height: Math.max(10, host.clientHeight),
      ms: 1,
      legend: { show: false },
      padding: [2, 0, 0, 0],
      cursor: { show: false },
      axes: [{ show: false }, { show: false }],
      scales: {
        x: { time: true, range: () => [range.from, range.to] },
        y: { range: (_u, min, max) => (min === max ? [min - 1, max + 1] : [min, max]) },
      },
      series: [{}, { stroke: color, fill: alpha(color, 0.14), width: 1.5, points: { show: false }, spanGaps: true }],
    },
    [times, field.values],
    host,
  );
  plot.root.setAttribute("aria-hidden", "true");
  return plot;
}

const [LEAST, MOST, UNIT_SHARE] = [13, 58, 0.58];

/** The largest size in which a value fits into its cell. */
function fontSize({ prefix = "", text, suffix = "" }, width, height) {
  const font = `620 100px ${FONT_FAMILY}`;
  const wide = (textWidth(prefix + text, font) + UNIT_SHARE * textWidth(suffix, font)) / 100;
  return Math.max(LEAST, Math.min(height, width / Math.max(wide, 1.5), MOST));
}

export function draw(root, data, context) {
  const { panel } = context;
  const {
    colorMode = "value",
    graphMode = "area",
    textMode = "auto",
    justifyMode = "auto",
    orientation = "auto",
  } = panel.options ?? {};
  const values = valuesOf(data, context);
  if (!values.length) return null;
  const { columns, rows } = gridOf(values.length, root.clientWidth, root.clientHeight, orientation);
  const [width, height] = [root.clientWidth / columns, root.clientHeight / rows];
  const withName = textMode === "value_and_name" || textMode === "name" || (textMode === "auto" && values.length > 1);
  const grid = h("div", {
    class: "cells",
    style: { "grid-template-columns": `repeat(${columns}, 1fr)`, "grid-template-rows": `repeat(${rows}, 1fr)` },
  });
  const plots = [];
  const cells = values.map((item) => {
    const { shown, name, times } = item;
    const text = textMode === "none" ? "" : textMode === "name" ? name : join(shown);
    const back = colorMode.startsWith("background");
    const size = fontSize(textMode === "name" ? { text } : shown, width - 24, height * (withName ? 0.32 : 0.42));
    const color = colorMode === "value" && !shown.empty ? shown.color : "";
    const value = h(
      "span",
      { class: "stat-value", style: { "font-size": `${size}px`, color: back ? readableOn(shown.color) : color } },
      shown.prefix && textMode !== "name" ? shown.prefix : "",
      textMode === "name" ? name : textMode === "none" ? "" : shown.text,
      textMode === "name" || textMode === "none" ? "" : h("span", { class: "unit" }, shown.suffix),
    );
    const label =
      withName && textMode !== "name"
        ? h("span", { class: "stat-name", style: { color: back ? readableOn(shown.color) : "" } }, name)
        : "";
    const cell = linked(
      item,
      { class: `stat ${justifyMode === "center" || values.length > 1 ? "center" : ""}` },
      label,
      value,
    );
    if (back) cell.style.backgroundColor = shown.color;
    const spark =
      graphMode === "area" && times?.length > 1 && !item.frame.table && height > 60
        ? h("div", { class: "spark" })
        : null;
    if (spark) {
      cell.append(spark);
      plots.push([spark, item, back ? readableOn(shown.color) : shown.color]);
    }
    return cell;
  });
  grid.append(...cells);
  root.replaceChildren(grid);
  const drawn = plots.map(([host, item, color]) => sparkline(host, item, color, data.range));
  return { destroy: () => drawn.forEach((plot) => plot.destroy()) };
}
