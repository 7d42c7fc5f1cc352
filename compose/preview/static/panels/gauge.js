// One number on an arc a series, the thresholds as a thin arc outside.

import { named } from "../lib/colors.js";
import { thresholdSteps } from "../lib/display.js";
import { join } from "../lib/units.js";
import { h, s } from "../ui/dom.js";
import { gridOf, limits, linked, valuesOf } from "./values.js";

const START = 150;
const SWEEP = 240;

function point(radius, share) {
  const angle = ((START + SWEEP * share) * Math.PI) / 180;
  return [100 + radius * Math.cos(angle), 100 + radius * Math.sin(angle)].map((at) => at.toFixed(2));
}

function arc(radius, from, to) {
  const large = (to - from) * SWEEP > 180 ? 1 : 0;
  return `M${point(radius, from).join(" ")}A${radius} ${radius} 0 ${large} 1 ${point(radius, to).join(" ")}`;
}

function dial(item, { showThresholdMarkers = true, showThresholdLabels = false }, theme) {
  const { shown, field, range } = item;
  const { low, high } = limits(item);
  const share = (value) => Math.min(1, Math.max(0, (value - low) / (high - low)));
  const parts = [s("path", { d: arc(78, 0, 1), class: "gauge-track" })];
  if (shown.numeric !== null && share(shown.numeric) > 0) {
    parts.push(
      s("path", { d: arc(78, 0, Math.max(0.004, share(shown.numeric))), class: "gauge-value", stroke: shown.color }),
    );
  }
  const steps = thresholdSteps(field.config, { ...range, min: low, max: high });
  if (showThresholdMarkers) {
    steps.forEach((step, i) => {
      const [from, to] = [share(step.value), i + 1 < steps.length ? share(steps[i + 1].value) : 1];
      if (to > from)
        parts.push(s("path", { d: arc(95, from, to), class: "gauge-mark", stroke: named(step.color, theme) }));
    });
  }
  if (showThresholdLabels) {
    for (const step of steps.filter(({ value }) => value > low && value < high)) {
      const [x, y] = point(60, share(step.value));
      parts.push(s("text", { x, y, class: "gauge-label", "text-anchor": "middle" }, String(step.value)));
    }
  }
  const text = join(shown);
  const size = Math.min(34, 190 / Math.max(4, text.length));
  parts.push(
    s(
      "text",
      { x: 100, y: 112, class: "gauge-text", "text-anchor": "middle", fill: shown.color, "font-size": size },
      text,
    ),
  );
  return s("svg", { viewBox: "0 0 200 160", role: "img", "aria-label": `${item.name} ${text}` }, parts);
}

export function draw(root, data, context) {
  const { panel, theme } = context;
  const values = valuesOf(data, context);
  if (!values.length) return null;
  const { columns, rows } = gridOf(values.length, root.clientWidth, root.clientHeight, "auto", 1.25);
  const cells = values.map((item) =>
    linked(
      item,
      { class: "gauge" },
      dial(item, panel.options ?? {}, theme),
      values.length > 1 ? h("span", { class: "stat-name" }, item.name) : "",
    ),
  );
  root.replaceChildren(
    h(
      "div",
      {
        class: "cells",
        style: { "grid-template-columns": `repeat(${columns}, 1fr)`, "grid-template-rows": `repeat(${rows}, 1fr)` },
      },
      cells,
    ),
  );
  return {};
}
