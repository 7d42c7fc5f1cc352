// Buckets of a histogram, or one row a series, over time; the colour is the count.

import { rowsOf, areBuckets } from "../lib/buckets.js";
import { alpha, blend, named, schemeStops } from "../lib/colors.js";
import { joinTimes } from "../lib/frames.js";
import { resolveLinks, rowMacros } from "../lib/links.js";
import { format, join } from "../lib/units.js";
import { h } from "../ui/dom.js";
import { withLegend } from "./legend.js";
import { inPlot, makePlot, tickTexts, valueAxis } from "./plot.js";

/** A function from a value to a colour, and the ends of its scale. */
function scaleOf(rows, { color = {}, filterValues = {} }, theme) {
  const values = rows
    .flatMap((row) => row.values)
    .filter((value) => value !== null && value > (filterValues.le ?? -Infinity));
  const low = color.min ?? Math.min(0, ...values);
  const high = color.max ?? Math.max(...values, low + Number.MIN_VALUE);
  const {
    mode = "scheme",
    scheme = "Oranges",
    steps = 64,
    exponent = 0.5,
    scale = "exponential",
    fill = "dark-orange",
    reverse = false,
  } = color;
  const stops = schemeStops(scheme, theme, reverse) ?? schemeStops("Oranges", theme, reverse);
  const share = (value) => Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
  const curved = (value) =>
    mode === "scheme" || scale === "exponential"
      ? share(value) ** (mode === "scheme" && scale !== "exponential" ? 1 : exponent)
      : share(value);
  const stepped = (value) => (steps > 1 ? Math.round(curved(value) * (steps - 1)) / (steps - 1) : curved(value));
  const shade = (value) =>
    mode === "opacity" ? alpha(named(fill, theme), 0.05 + 0.95 * stepped(value)) : blend(stops, stepped(value));
  return { low, high, shade };
}

function colorBar({ low, high, shade }, text) {
  const blocks = Array.from({ length: 32 }, (_, i) =>
    h("span", { style: { "background-color": shade(low + ((high - low) * i) / 31) } }),
  );
  return h(
    "div",
    { class: "legend color-bar" },
    h("span", {}, text(low)),
    h("span", { class: "blocks", "aria-hidden": "true" }, blocks),
    h("span", {}, text(high)),
  );
}

function axisOf(rows, buckets, yAxis) {
  const { unit, decimals } = yAxis ?? {};
  if (!buckets)
    return valueAxis({
      scale: "y",
      grid: false,
      splits: () => rows.map((_, i) => i + 0.5),
      texts: () => rows.map(({ name }) => name),
    });
  const edges = rows.map(({ high }) => high).slice(0, -1);
  const texts = tickTexts(edges, unit, decimals);
  const last = rows[rows.length - 1].high;
  const all = ["", ...texts, last === Infinity ? "+Inf" : join(format(last, unit, decimals))];
  const splits = (plot) => {
    const every = Math.max(1, Math.ceil((all.length * 16) / Math.max(16, plot.bbox.height / devicePixelRatio)));
    return all.map((_, i) => i).filter((i) => i % every === 0);
  };
  return valueAxis({
    scale: "y",
    grid: false,
    label: yAxis?.axisLabel,
    splits,
    texts: (values) => values.map((i) => all[i] ?? ""),
  });
}

function drawCells(plot, rows, stepMs, scale, { cellGap = 1, filterValues = {} }) {
  inPlot(plot, (ctx, bbox) => {
    const gap = cellGap * devicePixelRatio;
    plot.data[0].forEach((time, i) => {
      // A sample speaks of the step before it.
      const [x0, x1] = [time - stepMs, time].map((at) => plot.valToPos(at, "x", true));
      if (x1 < bbox.left || x0 > bbox.left + bbox.width) return;
      rows.forEach(({ values }, row) => {
        const value = values[i];
        if (value === null || value <= (filterValues.le ?? -Infinity) || value >= (filterValues.ge ?? Infinity)) return;
        const [y0, y1] = [row + 1, row].map((at) => plot.valToPos(at, "y", true));
        ctx.fillStyle = scale.shade(value);
        const wide = x1 - x0 > 3 * gap ? gap : 0;
        ctx.fillRect(
          Math.round(x0),
          Math.round(y0),
          Math.max(1, Math.round(x1) - Math.round(x0) - wide),
          Math.max(1, Math.round(y1) - Math.round(y0) - gap),
        );
      });
    });
  });
}

/** Where a value stands: in the middle of its bucket's row. */
const heightIn = (rows) => (plot, value) => {
  const row = rows.findIndex(({ low, high }) => value <= high && (low === null || value > low));
  return row < 0 ? null : plot.valToPos(row + 0.5, "y");
};

export function draw(root, data, context) {
  const { panel, theme } = context;
  const options = panel.options ?? {};
  const series = data.frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === "time");
    return frame.fields
      .filter((field) => field.type === "number" && time)
      .map((field) => ({ frame, field, times: time.values, values: field.values }));
  });
  if (!series.length) return null;
  const { times, columns } = joinTimes(series, { ...data.range, stepMs: data.stepMs });
  const fields = series.map(({ field }) => field);
  const buckets = areBuckets(fields);
  const rows = rowsOf(fields, columns);
  if (options.yAxis?.reverse) rows.reverse();
  const scale = scaleOf(rows, options, theme);
  const unit = options.cellValues?.unit ?? fields[0].config.unit ?? "short";
  const text = (value) => join(format(value, unit, options.cellValues?.decimals));
  const bar = options.legend?.show !== false ? colorBar(scale, text) : null;
  const chart = withLegend(root, bar, {});
  const edge = (value) =>
    value === Infinity ? "+Inf" : join(format(value, options.yAxis?.unit, options.yAxis?.decimals));
  const nameOf = (row) => (buckets ? `${row.low === null ? "up" : edge(row.low)} to ${edge(row.high)}` : row.name);
  const tip = (plot, index) => {
    if (options.tooltip?.mode === "none" || options.tooltip?.show === false) return null;
    const at = Math.min(
      rows.length - 1,
      Math.max(0, rows.length - 1 - Math.floor((plot.cursor.top / plot.over.clientHeight) * rows.length)),
    );
    const value = rows[at].values[index];
    const first = series[0];
    const macros = rowMacros(first.frame, first.field, first.times.indexOf(times[index]), "");
    const links = resolveLinks(first.field.config.links, {
      ...context.linkScope,
      macros: { ...context.scope.macros, ...macros },
    });
    if (value === null || value === undefined) return null;
    return {
      time: times[index],
      links,
      rows: [{ name: nameOf(rows[at]), value: text(value), color: scale.shade(value), near: true }],
    };
  };
  return makePlot(
    chart,
    {
      series: [{ scale: "y", paths: () => null, points: { show: false } }],
      axes: [axisOf(rows, buckets, options.yAxis)],
      scales: { y: { range: () => [0, rows.length] } },
      exemplars: buckets ? { list: data.exemplars, yOf: heightIn(rows), text: edge } : undefined,
      hooks: { draw: [(plot) => drawCells(plot, rows, data.stepMs, scale, options)] },
    },
    [times, times.map(() => null)],
    context,
    tip,
  );
}
