// One lane a series: stretches of one state as boxes.

import { alpha, named, readableOn } from "../lib/colors.js";
import { processor, valueRange } from "../lib/display.js";
import { joinTimes } from "../lib/frames.js";
import { resolveLinks, rowMacros } from "../lib/links.js";
import { join } from "../lib/units.js";
import { FONT_FAMILY } from "../ui/dom.js";
import { legend, withLegend } from "./legend.js";
import { inPlot, makePlot, valueAxis } from "./plot.js";

// Names beside the lanes take at most this share of the width, at about so many pixels a letter.
const LABEL_SHARE = 0.34;
const LETTER = 6.2;

function lanesOf(frames, theme) {
  const lanes = [];
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === "time");
    for (const field of frame.fields.filter((one) => one.type !== "time" && time)) {
      const process = processor(field, { theme, index: lanes.length, range: valueRange([field]) });
      lanes.push({ frame, field, name: field.display, times: time.values, values: field.values, process });
    }
  }
  return lanes;
}

/** [{from, to, value}] of a lane: a state lasts until the next sample, over a gap of more than a step and a half it ends. */
export function stretches(times, values, stepMs, end, mergeEqual = true) {
  const found = [];
  times.forEach((time, i) => {
    const value = values[i];
    if (value === null || value === undefined) return;
    const next = times[i + 1] ?? Infinity;
    const to = stepMs > 0 && next - time > stepMs * 1.5 ? Math.min(time + stepMs, end) : Math.min(next, end);
    const last = found[found.length - 1];
    if (mergeEqual && last && last.value === value && time - last.to <= 1) last.to = to;
    else found.push({ from: time, to, value });
  });
  return found;
}

function drawLanes(plot, lanes, boxes, { rowHeight = 0.9, showValue = "auto", fill, theme }) {
  inPlot(plot, (ctx, bbox) => {
    const pixel = devicePixelRatio;
    ctx.font = `${11 * pixel}px ${FONT_FAMILY}`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    const lane = bbox.height / lanes.length;
    const height = Math.max(2, lane * rowHeight);
    const right = bbox.left + bbox.width;
    boxes.forEach((list, row) => {
      const top = bbox.top + row * lane + (lane - height) / 2;
      for (const { from, to, value } of list) {
        const [x0, x1] = [from, to].map((time) => plot.valToPos(time, "x", true));
        const shown = lanes[row].process(value);
        ctx.fillStyle = alpha(shown.color, fill);
        ctx.fillRect(x0, top, Math.max(1, x1 - x0), height);
        const text = join(shown);
        const start = Math.max(x0, bbox.left);
        const fits = ctx.measureText(text).width + 12 * pixel < Math.min(x1, right) - start && height > 14 * pixel;
        if (showValue === "never" || (showValue === "auto" && !fits)) continue;
        ctx.fillStyle = fill > 0.5 ? readableOn(shown.color) : named("text", theme);
        ctx.fillText(text, start + 6 * pixel, top + height / 2);
      }
    });
  });
}

/** The states that occur, each once. */
function states(lanes) {
  const found = new Map();
  for (const { values, process } of lanes) {
    for (const value of new Set(values)) {
      if (value === null || value === undefined) continue;
      const shown = process(value);
      found.set(join(shown), { name: join(shown), color: shown.color, values: [value] });
    }
  }
  return [...found.values()];
}

export function draw(root, data, context) {
  const { panel, theme } = context;
  const options = panel.options ?? {};
  const lanes = lanesOf(data.frames, theme);
  if (!lanes.length) return null;
  const { showLegend = true } = options.legend ?? {};
  const chart = withLegend(
    root,
    showLegend ? legend(states(lanes), { ...options.legend, calcs: [], displayMode: "list" }, null) : null,
    options.legend ?? {},
  );
  const boxes = lanes.map(({ times, values }) =>
    stretches(times, values, data.stepMs, data.range.to, options.mergeValues !== false),
  );
  const { times } = joinTimes(lanes, { ...data.range, stepMs: data.stepMs });
  const count = lanes.length;
  const longest = Math.max(12, Math.floor((root.clientWidth * LABEL_SHARE) / LETTER));
  const fill = (lanes[0].field.config.custom?.fillOpacity ?? 70) / 100;
  const tip = (plot, index) => {
    const time = plot.posToVal(plot.cursor.left, "x");
    const near = Math.min(count - 1, Math.max(0, Math.floor((plot.cursor.top / plot.over.clientHeight) * count)));
    const all = options.tooltip?.mode === "multi";
    const rows = lanes.flatMap((lane, row) => {
      const box = boxes[row].find(({ from, to }) => from <= time && time <= to);
      if (!box || (!all && row !== near)) return [];
      const shown = lane.process(box.value);
      const minutes = Math.round((box.to - box.from) / 60000);
      return [
        {
          name: lane.name,
          value: `${join(shown)}${minutes ? ` · ${minutes} min` : ""}`,
          color: shown.color,
          near: row === near,
        },
      ];
    });
    const { frame, field } = lanes[near];
    const at = field.values.length
      ? frame.fields.find((one) => one.type === "time").values.indexOf(plot.data[0][index])
      : -1;
    const links = resolveLinks(field.config.links, {
      ...context.linkScope,
      macros: { ...context.scope.macros, ...rowMacros(frame, field, at, "") },
    });
    return options.tooltip?.mode === "none" ? null : { time, rows, links };
  };
  return makePlot(
    chart,
    {
      series: [{ scale: "y", paths: () => null, points: { show: false } }],
      axes: [
        valueAxis({
          scale: "y",
          grid: false,
          splits: () => lanes.map((_, row) => row + 0.5),
          texts: () => lanes.map(({ name }) => (name.length > longest ? `${name.slice(0, longest - 1)}…` : name)),
        }),
      ],
      scales: { y: { dir: -1, range: () => [0, count] } },
      hooks: {
        draw: [
          (plot) =>
            drawLanes(plot, lanes, boxes, { rowHeight: options.rowHeight, showValue: options.showValue, fill, theme }),
        ],
      },
    },
    [times, times.map(() => null)],
    context,
    tip,
  );
}
