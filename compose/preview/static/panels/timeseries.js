// Lines, areas, bars and points over time.

import { alpha, named } from "../lib/colors.js";
import { processor, seriesColorOf, thresholdSteps } from "../lib/display.js";
import { joinTimes } from "../lib/frames.js";
import { resolveLinks, rowMacros } from "../lib/links.js";
import { stack } from "../lib/stack.js";
import { join } from "../lib/units.js";
import { legend, withLegend } from "./legend.js";
import { inPlot, makePlot, tickTexts, valueAxis } from "./plot.js";

const HIDDEN = { viz: false, legend: false, tooltip: false };

/** The number fields of all frames with what is needed to draw them. */
function seriesOf(frames, theme) {
  const found = [];
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === "time");
    for (const field of frame.fields.filter((one) => one.type === "number" && time)) {
      const index = found.length;
      const custom = field.config.custom ?? {};
      const color = seriesColorOf(
        { ...field, config: { ...field.config, color: field.config.color ?? { mode: "palette-classic" } } },
        index,
        theme,
      );
      const shown = { ...field, config: { ...field.config, color: { mode: "fixed", fixedColor: color } } };
      found.push({
        frame,
        field,
        custom,
        color,
        name: field.display,
        times: time.values,
        values: field.values,
        process: processor(shown, { theme, index }),
        hide: { ...HIDDEN, ...custom.hideFrom },
      });
    }
  }
  return found;
}

const scaleKey = ({ field, custom }) =>
  `${field.config.unit ?? ""}|${custom.axisPlacement === "right" ? "right" : ""}|${custom.axisLabel ?? ""}`;

function paths(custom) {
  const { drawStyle = "line", lineInterpolation = "linear", barWidthFactor = 0.6, barAlignment = 0 } = custom;
  if (drawStyle === "bars") return uPlot.paths.bars({ size: [barWidthFactor, 200], align: barAlignment });
  if (drawStyle === "points") return uPlot.paths.points();
  if (lineInterpolation === "smooth") return uPlot.paths.spline();
  if (lineInterpolation === "stepAfter") return uPlot.paths.stepped({ align: 1 });
  if (lineInterpolation === "stepBefore") return uPlot.paths.stepped({ align: -1 });
  return uPlot.paths.linear();
}

/** Points that no line touches, which would otherwise not be seen at all. */
function lonely(values, from, to) {
  const empty = (value) => value === null || value === undefined;
  const found = [];
  for (let i = from; i <= to; i += 1)
    if (!empty(values[i]) && empty(values[i - 1]) && empty(values[i + 1])) found.push(i);
  return found.length ? found : null;
}

function fillOf({ custom, color }) {
  const opacity = (custom.fillOpacity ?? 0) / 100;
  if (!opacity || custom.drawStyle === "points") return undefined;
  if (custom.gradientMode !== "opacity" && custom.gradientMode !== "hue") return alpha(color, opacity);
  return (plot) => {
    const { top, height } = plot.bbox;
    if (!Number.isFinite(top) || !height) return alpha(color, opacity);
    const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
    gradient.addColorStop(0, alpha(color, opacity));
    gradient.addColorStop(1, alpha(color, 0));
    return gradient;
  };
}

/** Outlines of bars that stand this dense would leave nothing but outline. */
const DENSE = 150;

function strokeWidth({ custom, times }) {
  if (custom.drawStyle === "points" || (custom.drawStyle === "bars" && times.length > DENSE)) return 0;
  return custom.lineWidth ?? 1;
}

function seriesOptions(one, key) {
  const { custom, color } = one;
  const dash =
    custom.lineStyle?.fill === "dash"
      ? (custom.lineStyle.dash ?? [10, 10])
      : custom.lineStyle?.fill === "dot"
        ? (custom.lineStyle.dash ?? [0, 10])
        : undefined;
  const always = custom.showPoints === "always" || custom.drawStyle === "points";
  return {
    scale: key,
    label: one.name,
    tipColor: color,
    width: strokeWidth(one),
    stroke: color,
    fill: fillOf(one),
    paths: paths(custom),
    dash,
    cap: custom.lineStyle?.fill === "dot" ? "round" : undefined,
    spanGaps: custom.spanNulls === true,
    alpha: 1,
    points: {
      show: always || undefined,
      size: custom.pointSize ?? 5,
      fill: color,
      filter:
        always || custom.drawStyle === "bars"
          ? undefined
          : (plot, i, show) => (show ? null : lonely(plot.data[i], ...plot.series[0].idxs)),
    },
  };
}

function scaleOf(group) {
  const set = (pick, choose) => {
    const values = group.map(pick).filter((value) => typeof value === "number");
    return values.length ? choose(...values) : null;
  };
  const hard = [set(({ field }) => field.config.min, Math.min), set(({ field }) => field.config.max, Math.max)];
  const soft = [set(({ custom }) => custom.axisSoftMin, Math.min), set(({ custom }) => custom.axisSoftMax, Math.max)];
  const { scaleDistribution: { type, log } = {} } = group[0].custom;
  const side = (index) => ({
    pad: 0.1,
    hard: hard[index] ?? (index ? Infinity : -Infinity),
    soft: hard[index] ?? soft[index] ?? 0,
    mode: (hard[index] ?? soft[index]) !== null ? 1 : 3,
  });
  const range = (_plot, min, max) => {
    if (min === null || max === null || (min === 0 && max === 0)) return [hard[0] ?? 0, hard[1] ?? 1];
    const [low, high] =
      type === "log"
        ? uPlot.rangeLog(min, max, log ?? 10, true)
        : uPlot.rangeNum(min, max, { min: side(0), max: side(1) });
    return [hard[0] ?? low, hard[1] ?? (high > (hard[0] ?? low) ? high : (hard[0] ?? low) + 1)];
  };
  return type === "log" ? { distr: 3, log: log ?? 10, range } : { range };
}

function drawThresholds(plot, groups, theme, part) {
  for (const [key, [{ field, custom }]] of groups) {
    const mode = custom.thresholdsStyle?.mode ?? "off";
    if (!(part === "area" ? /area/ : /line|dashed/).test(mode)) continue;
    const { min, max } = plot.scales[key];
    const steps = thresholdSteps(field.config, { min, max });
    inPlot(plot, (ctx, { left, top, width, height }) => {
      const yOf = (value) => Math.min(top + height, Math.max(top, plot.valToPos(value, key, true)));
      steps.forEach(({ value, color }, index) => {
        if (part === "area") {
          const [y0, y1] = [steps[index + 1]?.value ?? max, Math.max(value, min)].map(yOf);
          ctx.fillStyle = alpha(named(color, theme), 0.12);
          ctx.fillRect(left, y0, width, y1 - y0);
        } else if (value >= min && value <= max) {
          ctx.strokeStyle = alpha(named(color, theme), 0.8);
          ctx.lineWidth = 1.5 * devicePixelRatio;
          ctx.setLineDash(/dashed/.test(mode) ? [8 * devicePixelRatio, 6 * devicePixelRatio] : []);
          ctx.beginPath();
          ctx.moveTo(left, yOf(value));
          ctx.lineTo(left + width, yOf(value));
          ctx.stroke();
        }
      });
    });
  }
}

function axesOf(groups) {
  let first = true;
  return [...groups].map(([key, group]) => {
    const { field, custom } = group[0];
    const right = custom.axisPlacement === "right" || (custom.axisPlacement !== "left" && !first);
    const percent = custom.stacking?.mode === "percent";
    const axis = valueAxis({
      scale: key,
      unit: field.config.unit,
      side: right ? 1 : 3,
      grid: first,
      label: custom.axisLabel,
      texts: (values) =>
        tickTexts(values, percent ? "percentunit" : field.config.unit, percent ? 0 : field.config.decimals),
    });
    first = false;
    return { ...axis, show: custom.axisPlacement !== "hidden" };
  });
}

function tipOf(series, columns, plotted, keys, options, context) {
  const { mode = "multi", sort = "desc", hideZeros } = options ?? {};
  return (plot, index) => {
    if (mode === "none") return null;
    const { top } = plot.cursor;
    const away = (i) =>
      plotted[i][index] === null ? Infinity : Math.abs(plot.valToPos(plotted[i][index], keys[i]) - top);
    const at = series
      .map((one, i) => ({ one, i, value: columns[i][index] }))
      .filter(
        ({ one, value }) => value !== null && value !== undefined && !one.hide.tooltip && !(hideZeros && value === 0),
      );
    const nearest = at.length ? at.reduce((a, b) => (away(b.i) < away(a.i) ? b : a)) : null;
    const shown = mode === "single" ? at.filter((item) => item === nearest) : at;
    if (sort !== "none") shown.sort((a, b) => (sort === "asc" ? a.value - b.value : b.value - a.value));
    const time = plot.data[0][index];
    const links = nearest ? linksOf(nearest.one, time, join(nearest.one.process(nearest.value)), context) : [];
    return {
      time,
      links,
      rows: shown.map(({ one, value, ...item }) => ({
        name: one.name,
        value: join(one.process(value)),
        color: one.color,
        near: item.i === nearest?.i,
      })),
    };
  };
}

function linksOf({ frame, field }, time, text, context) {
  if (!field.config.links?.length) return [];
  const row = frame.fields.find((one) => one.type === "time").values.indexOf(time);
  return resolveLinks(field.config.links, {
    ...context.linkScope,
    macros: { ...context.scope.macros, ...rowMacros(frame, field, row, text) },
  });
}

export function draw(root, data, context) {
  const { panel, theme, hidden } = context;
  const all = seriesOf(data.frames, theme);
  if (!all.length) return null;
  const options = panel.options ?? {};
  const { showLegend = true, ...legendOptions } = options.legend ?? {};
  const listed = all.filter(({ hide }) => !hide.legend);
  const key =
    showLegend && legendOptions.displayMode !== "hidden"
      ? legend(listed, legendOptions, hidden, () => context.redraw())
      : null;
  const chart = withLegend(root, key, legendOptions);
  const series = all.filter(({ name, hide }) => !hidden.has(name) && !hide.viz);
  const { times, columns } = joinTimes(series, { ...data.range, stepMs: data.stepMs });
  const { stacked, below } = stack(
    columns,
    series.map(({ custom }) => ({ mode: custom.stacking?.mode ?? "none", group: custom.stacking?.group ?? "A" })),
  );
  const keys = series.map(scaleKey);
  const groups = new Map();
  series.forEach((one, i) => groups.set(keys[i], [...(groups.get(keys[i]) ?? []), one]));
  const bands = below.flatMap((lower, i) => (lower >= 0 ? [{ series: [i + 1, lower + 1] }] : []));
  return makePlot(
    chart,
    {
      series: series.map((one, i) => seriesOptions(one, keys[i])),
      axes: axesOf(groups),
      bands,
      scales: Object.fromEntries([...groups].map(([name, group]) => [name, scaleOf(group)])),
      exemplars: series.length
        ? {
            list: data.exemplars,
            yOf: (plot, value) => plot.valToPos(value, keys[0]),
            text: (value) => join(series[0].process(value)),
          }
        : undefined,
      hooks: {
        drawClear: [(plot) => drawThresholds(plot, groups, theme, "area")],
        draw: [(plot) => drawThresholds(plot, groups, theme, "line")],
      },
    },
    [times, ...stacked],
    context,
    tipOf(series, columns, stacked, keys, options.tooltip, context),
  );
}
