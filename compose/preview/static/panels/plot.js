// What all charts on a time axis share: axes, the crosshair, zooming by dragging, alert marks, the tooltip.

import { alpha, named } from "../lib/colors.js";
import { format, join } from "../lib/units.js";
import { cssVar, h } from "../ui/dom.js";
import { Tooltip } from "../ui/tooltip.js";

const FONT = '11px Inter, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif';
const DAY = 86400000;
const MAX_MARKS = 200;

const measure = (() => {
  let context;
  return (text) => {
    context ??= document.createElement("canvas").getContext("2d");
    context.font = FONT;
    return context.measureText(text).width;
  };
})();

/** Tick texts of a unit, all with the same, fewest decimals that still tell them apart and round none. */
export function tickTexts(values, unit, decimals) {
  if (decimals !== undefined && decimals !== null) return values.map((value) => (value === null ? "" : join(format(value, unit, decimals))));
  for (let digits = 0; digits <= 4; digits += 1) {
    const texts = values.map((value) => format(value, unit, digits));
    const exact = values.every((value, i) => value === null || Number(texts[i].text) === Number(format(value, unit, digits + 3).text));
    if (exact || digits === 4 || Number.isNaN(Number(texts[0]?.text))) return texts.map(join);
  }
  return [];
}

function timeTexts(splits, increment, zone) {
  const options = { timeZone: zone, hour12: false };
  const part = (ms, more) => new Date(ms).toLocaleString("en-GB", { ...options, ...more });
  let day = null;
  return splits.map((ms, index) => {
    const date = part(ms, { day: "numeric", month: "short" });
    if (increment >= DAY) return date;
    const time = part(ms, { hour: "2-digit", minute: "2-digit", ...(increment < 60000 ? { second: "2-digit" } : {}) });
    const changed = day !== null && day !== date;
    const first = index === 0 && splits[splits.length - 1] - splits[0] > DAY;
    day = date;
    return changed || first ? `${time}\n${date}` : time;
  });
}

export function timeAxis(zone) {
  return {
    scale: "x", font: FONT, stroke: cssVar("--muted"), space: 80, size: 34, gap: 4,
    grid: { stroke: cssVar("--grid"), width: 1 },
    ticks: { show: false },
    values: (_plot, splits, _axis, _space, increment) => timeTexts(splits, increment, zone),
  };
}

/** A vertical axis. `texts(splits)` gives its labels; `label` stands upright beside it. */
export function valueAxis({ scale, texts, side = 3, label = "", grid = true, splits, space = 30 }) {
  return {
    scale, side, splits, font: FONT, stroke: cssVar("--muted"), gap: 4, space, label: label || undefined, labelFont: FONT, labelSize: label ? 18 : 0,
    grid: { show: grid, stroke: cssVar("--grid"), width: 1 },
    ticks: { show: false },
    values: (_plot, values) => texts(values),
    size: (_plot, values) => Math.ceil(Math.max(0, ...(values ?? []).map((text) => measure(text ?? "")))) + 14,
  };
}

function drawMarks(plot, events, theme) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const event of events) {
    const color = named(event.color, theme);
    const [x0, x1] = [event.from, event.to].map((time) => plot.valToPos(time, "x", true));
    ctx.fillStyle = alpha(color, 0.08);
    ctx.fillRect(x0, bbox.top, Math.max(0, x1 - x0), bbox.height);
    ctx.strokeStyle = alpha(color, 0.75);
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.lineWidth = devicePixelRatio;
    for (const x of x1 - x0 > 2 ? [x0, x1] : [x0]) {
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
  }
  ctx.restore();
}

/** Small flags below the chart that say on hover and focus what happened. */
function placeFlags(plot, layer, events, { theme, tooltip, zone }) {
  const { min, max } = plot.scales.x;
  const shown = events.filter((event) => event.to >= min && event.from <= max).slice(-MAX_MARKS);
  layer.replaceChildren(
    ...shown.map((event) => {
      const words = [event.title, event.text, event.tags.join(", ")].filter(Boolean).join(" · ");
      const flag = h("button", { type: "button", class: "flag", "aria-label": `${words}, ${tooltip.time(event.from, zone)}` });
      flag.style.left = `${plot.valToPos(Math.max(event.from, min), "x")}px`;
      flag.style.color = named(event.color, theme);
      const show = () => tooltip.event(flag, event, zone);
      flag.addEventListener("mouseenter", show);
      flag.addEventListener("focus", show);
      for (const name of ["mouseleave", "blur"]) flag.addEventListener(name, () => tooltip.hide());
      return flag;
    }),
  );
}

/**
 * A uPlot with all of the above.
 * @param {HTMLElement} host
 * @param {{series: object[], axes: object[], scales: object, bands?: object[], hooks?: object, padding?: number[]}} options of uPlot
 * @param {any[]} data first column times in milliseconds
 * @param {object} context of the panel: theme, zone, range, events, sync, zoom, zoomOut, label
 * @param {(plot: object, index: number) => object | null} tip what the tooltip shows at a column
 */
export function makePlot(host, options, data, context, tip) {
  const { theme, zone, range, sync } = context;
  const tooltip = new Tooltip(host);
  const flags = h("div", { class: "flags" });
  let hovered = false;
  const size = () => ({ width: Math.max(40, host.clientWidth), height: Math.max(40, host.clientHeight) });
  const update = (plot) => {
    const { idx, left } = plot.cursor;
    if (tooltip.pinned) return;
    if (idx === null || idx === undefined || left < 0 || !(hovered || sync.tooltips)) tooltip.hide();
    else tooltip.show(plot, tip(plot, idx), zone);
  };
  const plot = new uPlot(
    {
      ...size(),
      ms: 1,
      padding: options.padding ?? [8, 12, 0, 0],
      legend: { show: false },
      tzDate: zone ? (ms) => uPlot.tzDate(new Date(ms), zone) : undefined,
      cursor: {
        y: false,
        points: { size: 7, width: 1.5, fill: (u, i) => u.series[i].tipColor ?? u.series[i].stroke?.(u, i) ?? cssVar("--panel"), stroke: () => cssVar("--panel") },
        drag: { x: true, y: false, setScale: false },
        focus: { prox: -1 },
        sync: sync.key ? { key: sync.key, setSeries: false, scales: ["x", null] } : undefined,
        bind: { dblclick: () => () => context.zoomOut(), ...options.bind },
      },
      scales: { x: { time: true, range: () => [range.from, range.to] }, ...options.scales },
      series: [{}, ...options.series],
      bands: options.bands,
      axes: [timeAxis(zone), ...options.axes],
      hooks: {
        ...options.hooks,
        draw: [...(options.hooks?.draw ?? []), (u) => drawMarks(u, context.events, theme)],
        drawClear: options.hooks?.drawClear ?? [],
        setCursor: [update],
        setSelect: [
          (u) => {
            if (u.select.width < 3) return;
            const [from, to] = [u.select.left, u.select.left + u.select.width].map((at) => u.posToVal(at, "x"));
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            context.zoom(from, to);
          },
        ],
        ready: [(u) => placeFlags(u, flags, context.events, { theme, tooltip, zone })],
        setSize: [(u) => requestAnimationFrame(() => placeFlags(u, flags, context.events, { theme, tooltip, zone }))],
      },
    },
    data,
    host,
  );
  plot.over.append(flags);
  plot.over.addEventListener("mouseenter", () => (hovered = true));
  plot.over.addEventListener("mouseleave", () => {
    hovered = false;
    if (!tooltip.pinned) tooltip.hide();
  });
  let pressed = 0;
  plot.over.addEventListener("mousedown", (event) => (pressed = event.clientX));
  plot.over.addEventListener("click", (event) => {
    if (Math.abs(event.clientX - pressed) < 3 && plot.cursor.idx !== null) tooltip.pin(plot, tip(plot, plot.cursor.idx), zone);
  });
  plot.root.setAttribute("role", "img");
  plot.root.setAttribute("aria-label", context.label);
  return {
    plot,
    resize: () => plot.setSize(size()),
    destroy: () => {
      tooltip.destroy();
      plot.destroy();
    },
  };
}
