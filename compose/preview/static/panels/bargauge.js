// One bar a series: basic, gradient or lit segments, lying or standing.

import { alpha, named } from "../lib/colors.js";
import { thresholdSteps, valueColor } from "../lib/display.js";
import { join } from "../lib/units.js";
import { h } from "../ui/dom.js";
import { limits, linked, valuesOf } from "./values.js";

const SEGMENTS = 30;

function gradient(item, share, theme, standing) {
  const { low, high } = limits(item);
  const steps = thresholdSteps(item.field.config, { min: low, max: high }).map((step) => ({
    at: Math.max(0, (step.value - low) / (high - low)),
    color: named(step.color, theme),
  }));
  const stops = steps
    .filter(({ at }) => at < share)
    .map(({ at, color }) => `${color} ${((at / (share || 1)) * 100).toFixed(1)}%`);
  const direction = standing ? "to top" : "to right";
  return stops.length > 1
    ? `linear-gradient(${direction}, ${stops.join(", ")})`
    : `linear-gradient(${direction}, ${alpha(item.shown.color, 0.45)}, ${item.shown.color})`;
}

function lit(item, share, theme) {
  const { low, high } = limits(item);
  return Array.from({ length: SEGMENTS }, (_, i) => {
    const at = (i + 0.5) / SEGMENTS;
    const color = valueColor(low + (high - low) * at, item.field.config, theme, item.range);
    return h("span", { style: { "background-color": at <= share ? color : alpha(color, 0.15) } });
  });
}

function bar(item, { displayMode, showUnfilled, standing, theme }) {
  const { low, high } = limits(item);
  const value = item.shown.numeric;
  const share = value === null ? 0 : Math.min(1, Math.max(0, (value - low) / (high - low)));
  if (displayMode === "lcd") return h("div", { class: "bar lcd" }, lit(item, share, theme));
  const inner = h("div", { class: "bar-fill" });
  inner.style[standing ? "height" : "width"] = `${(share * 100).toFixed(2)}%`;
  inner.style.background = displayMode === "gradient" ? gradient(item, share, theme, standing) : item.shown.color;
  return h("div", { class: showUnfilled ? "bar unfilled" : "bar" }, inner);
}

export function draw(root, data, context) {
  const { panel, theme } = context;
  const {
    displayMode = "gradient",
    orientation = "auto",
    showUnfilled = true,
    valueMode = "color",
    namePlacement = "auto",
  } = panel.options ?? {};
  const values = valuesOf(data, context);
  if (!values.length) return null;
  const standing =
    orientation === "vertical" ||
    (orientation === "auto" && root.clientWidth > root.clientHeight * 1.4 && values.length < 10);
  const withNames = namePlacement !== "hidden" && (values.length > 1 || values[0].name);
  const rows = values.map((item) => {
    const color = valueMode === "color" && !item.shown.empty ? item.shown.color : "";
    const value = valueMode === "hidden" ? "" : h("span", { class: "bar-value", style: { color } }, join(item.shown));
    const name = withNames ? h("span", { class: "bar-name", title: item.name }, item.name) : "";
    return linked(item, { class: "bar-row" }, name, bar(item, { displayMode, showUnfilled, standing, theme }), value);
  });
  const top = namePlacement === "top" && !standing ? " names-top" : "";
  root.replaceChildren(h("div", { class: `bars ${standing ? "standing" : "lying"}${top}` }, rows));
  return {};
}
