// What all charts on a time axis share: axes, the crosshair, zooming by dragging, alert marks, the tooltip.

import { alpha, named } from "../lib/colors.js";
import { format, join, roundSteps } from "../lib/units.js";
import { cssVar, FONT_FAMILY, h, textWidth } from "../ui/dom.js";
import { Tooltip } from "../ui/tooltip.js";

const FONT = `11px ${FONT_FAMILY}`;
const DAY = 86400000;
const MAX_MARKS = 200;

/** Tick texts of a unit; those of one suffix have the same, fewest decimals that round none of them. */
export function tickTexts(values, unit, decimals) {
  if (decimals !== undefined && decimals !== null)
    return values.map((value) => (value === null ? "" : join(format(value, unit, decimals))));
  const digits = new Map();
  const suffixOf = (value) => format(value, unit, 0).suffix;
  for (const value of values) {
    let count = digits.get(suffixOf(value)) ?? 0;
    while (count < 4 && Number(format(value, unit, count).text) !== Number(format(value, unit, count + 3).text))
      count += 1;
    digits.set(suffixOf(value), count);
  }
  return values.map((value) => join(format(value, unit, digits.get(suffixOf(value)))));
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

function timeAxis(zone) {
  return {
    scale: "x",
    font: FONT,
    stroke: cssVar("--muted"),
    space: 80,
    size: 34,
    gap: 4,
    grid: { stroke: cssVar("--grid"), width: 1 },
    ticks: { show: false },
    values: (_plot, splits, _axis, _space, increment) => timeTexts(splits, increment, zone),
  };
}

/** A vertical axis. `texts(splits)` gives its labels; `label` stands upright beside it. */
export function valueAxis({ scale, texts, side = 3, label = "", grid = true, splits, unit }) {
  // About eight lines at the most, however tall the chart is.
  const space = (_plot, _axis, _min, _max, height) => Math.max(30, height / 8);
  return {
    scale,
    side,
    splits,
    incrs: roundSteps(unit) ?? undefined,
    font: FONT,
    stroke: cssVar("--muted"),
    gap: 4,
    space,
    label: label || undefined,
    labelFont: FONT,
    labelSize: label ? 18 : 0,
    grid: { show: grid, stroke: cssVar("--grid"), width: 1 },
    ticks: { show: false },
    values: (_plot, values) => texts(values),
    size: (_plot, values) => Math.ceil(Math.max(0, ...(values ?? []).map((text) => textWidth(text ?? "", FONT)))) + 14,
  };
}

/** Draw with the canvas clipped to the chart's own area. */
export function inPlot(plot, action) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  action(ctx, bbox);
  ctx.restore();
}

const ends = (plot, { from, to }) => [from, to].map((time) => plot.valToPos(time, "x", true));

/** Under the data a tint for as long as an event lasted. */
function tintEvents(plot, events, theme) {
  inPlot(plot, (ctx, bbox) => {
    for (const event of events) {
      const [x0, x1] = ends(plot, event);
      ctx.fillStyle = alpha(named(event.color, theme), 0.07);
      ctx.fillRect(x0, bbox.top, Math.max(0, x1 - x0), bbox.height);
    }
  });
}

/** Over the data a line where an event began and ended. */
function ruleEvents(plot, events, theme) {
  inPlot(plot, (ctx, bbox) => {
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.lineWidth = devicePixelRatio;
    for (const event of events) {
      const [x0, x1] = ends(plot, event);
      ctx.strokeStyle = alpha(named(event.color, theme), 0.75);
      for (const x of x1 - x0 > 2 ? [x0, x1] : [x0]) {
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
    }
  });
}

/** Small flags below the chart that say on hover and focus what happened. */
function placeFlags(plot, layer, events, { theme, tooltip, zone }) {
  const { min, max } = plot.scales.x;
  const shown = events.filter((event) => event.to >= min && event.from <= max).slice(-MAX_MARKS);
  layer.replaceChildren(
    ...shown.map((event) => {
      const words = [event.title, event.text, event.tags.join(", ")].filter(Boolean).join(" · ");
      const flag = h("button", {
        type: "button",
        class: "flag",
        "aria-label": `${words}, ${tooltip.time(event.from, zone)}`,
      });
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

/** Diamonds where exemplars were observed; `yOf` gives their height in the plot, null for outside. */
function placeExemplars(plot, layer, { list, yOf, text }, { tooltip, zone, traces }) {
  const { min, max } = plot.scales.x;
  const marks = list
    .filter(({ time }) => time >= min && time <= max)
    .flatMap((one) => {
      const y = yOf(plot, one.value);
      if (y === null || y < 0 || y > plot.over.clientHeight) return [];
      const value = text(one.value);
      const mark = h("button", {
        type: "button",
        class: "exemplar",
        "aria-label": `Exemplar ${value}, ${tooltip.time(one.time, zone)}`,
      });
      mark.style.left = `${plot.valToPos(one.time, "x")}px`;
      mark.style.top = `${y}px`;
      const show = (pinned) => tooltip.exemplar(mark, one, value, { zone, traces, pinned });
      for (const name of ["mouseenter", "focus"]) mark.addEventListener(name, () => tooltip.pinned || show(false));
      for (const name of ["mouseleave", "blur"]) mark.addEventListener(name, () => tooltip.pinned || tooltip.hide());
      mark.addEventListener("click", (event) => {
        event.stopPropagation();
        show(true);
      });
      return [mark];
    });
  layer.append(...marks);
}

/**
 * A uPlot with all of the above.
 * @param {HTMLElement} host
 * @param {{series: object[], axes: object[], scales: object, bands?: object[], hooks?: object, exemplars?: object}} options of uPlot,
 *   and exemplars as `placeExemplars` takes them
 * @param {any[]} data first column times in milliseconds
 * @param {object} context of the panel: theme, zone, range, events, sync, zoom, zoomOut, label
 * @param {(plot: object, index: number) => object | null} tip what the tooltip shows at a column
 */
export function makePlot(host, options, data, context, tip) {
  const { theme, zone, range, sync } = context;
  const tooltip = new Tooltip(host);
  const flags = h("div", { class: "flags" });
  let hovered = false;
  let dragged = false;
  let pressed = 0;
  const size = () => ({ width: Math.max(40, host.clientWidth), height: Math.max(40, host.clientHeight) });
  const mark = (plot) => {
    placeFlags(plot, flags, context.events, { theme, tooltip, zone });
    if (options.exemplars) placeExemplars(plot, flags, options.exemplars, { tooltip, zone, traces: context.traces });
  };
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
      padding: [8, 12, 0, 0],
      legend: { show: false },
      tzDate: zone ? (ms) => uPlot.tzDate(new Date(ms), zone) : undefined,
      cursor: {
        y: false,
        points: {
          size: 7,
          width: 1.5,
          fill: (u, i) => u.series[i].tipColor ?? u.series[i].stroke?.(u, i) ?? cssVar("--panel"),
          stroke: () => cssVar("--panel"),
        },
        drag: { x: true, y: false, setScale: false },
        sync: sync.key ? { key: sync.key, setSeries: false, scales: ["x", null] } : undefined,
        bind: { dblclick: () => () => context.zoomOut() },
      },
      scales: { x: { time: true, range: () => [range.from, range.to] }, ...options.scales },
      series: [{}, ...options.series],
      bands: options.bands,
      axes: [timeAxis(zone), ...options.axes],
      hooks: {
        ...options.hooks,
        draw: [...(options.hooks?.draw ?? []), (u) => ruleEvents(u, context.events, theme)],
        drawClear: [...(options.hooks?.drawClear ?? []), (u) => tintEvents(u, context.events, theme)],
        setCursor: [update],
        setSelect: [
          (u) => {
            if (u.select.width < 3) return;
            const [from, to] = [u.select.left, u.select.left + u.select.width].map((at) => u.posToVal(at, "x"));
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            // Charts with the same crosshair hear of the selection too.
            if (dragged) context.zoom(from, to);
            dragged = false;
          },
        ],
        ready: [mark],
        setSize: [(u) => requestAnimationFrame(() => mark(u))],
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
  plot.over.addEventListener("mousedown", (event) => {
    pressed = event.clientX;
    dragged = true;
    // On the window, so after uPlot's own listener on the document, which ends the selection.
    window.addEventListener("mouseup", () => (dragged = false), { once: true });
  });
  plot.over.addEventListener("click", (event) => {
    if (Math.abs(event.clientX - pressed) < 3 && plot.cursor.idx !== null)
      tooltip.pin(plot, tip(plot, plot.cursor.idx), zone);
  });
  plot.ctx.canvas.setAttribute("role", "img");
  plot.ctx.canvas.setAttribute("aria-label", context.label);
  return {
    plot,
    // Not to be drawn anew while someone reads a pinned tooltip or drags.
    inUse: () => tooltip.pinned || dragged,
    pointer: () => (hovered ? { left: plot.cursor.left, top: plot.cursor.top } : null),
    point: (at) => {
      hovered = true;
      plot.setCursor(at);
    },
    resize: () => plot.setSize(size()),
    destroy: () => {
      tooltip.destroy();
      plot.destroy();
    },
  };
}
