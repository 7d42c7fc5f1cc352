// Time ranges as Grafana writes them: "now-6h", "now/d", or milliseconds since the epoch.

export const PRESETS = [
  ["now-5m", "Last 5 minutes"],
  ["now-15m", "Last 15 minutes"],
  ["now-30m", "Last 30 minutes"],
  ["now-1h", "Last 1 hour"],
  ["now-3h", "Last 3 hours"],
  ["now-6h", "Last 6 hours"],
  ["now-12h", "Last 12 hours"],
  ["now-24h", "Last 24 hours"],
  ["now-2d", "Last 2 days"],
  ["now-7d", "Last 7 days"],
  ["now-30d", "Last 30 days"],
];
export const REFRESHES = ["", "5s", "10s", "30s", "1m", "5m"];

const SHORTEST_FIT_MS = 15 * 60000;

const UNIT_MS = { ms: 1, s: 1000, m: 60000, h: 3600000, d: 86400000, w: 604800000, M: 2592000000, y: 31536000000 };

/** Milliseconds of "1h30m", "15s", "250ms"; null for anything else. */
export function parseDuration(text) {
  const source = String(text ?? "")
    .trim()
    .replace(/^[><]/, "");
  if (!/^(\d+(\.\d+)?(ms|[smhdwMy]))+$/.test(source)) return null;
  let total = 0;
  for (const [, count, unit] of source.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwMy])/g))
    total += Number(count) * UNIT_MS[unit];
  return total;
}

/** A duration as Prometheus takes it, in the largest unit that divides it: 90000 is "90s", 3600000 "1h". */
export function formatDuration(ms) {
  for (const unit of ["d", "h", "m", "s"])
    if (ms >= UNIT_MS[unit] && ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`;
  return `${ms}ms`;
}

function floorTo(date, unit, up) {
  const d = new Date(date);
  const fields = { y: 0, M: 1, d: 2, h: 3, m: 4, s: 5 };
  if (unit === "w") d.setDate(d.getDate() - ((d.getDay() + 6) % 7));
  const keep = fields[unit === "w" ? "d" : unit];
  const parts = [d.getFullYear(), d.getMonth(), d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds()];
  const start = parts.map((part, index) => (index <= keep ? part : index === 2 ? 1 : 0));
  if (up) start[keep] += 1;
  if (up && unit === "w") start[2] += 6;
  return new Date(...start).getTime() - (up ? 1 : 0);
}

/** Milliseconds since the epoch of one end of a range; null if it is none. `up` rounds "now/d" to the day's end. */
export function parseTime(text, now, up = false) {
  const source = String(text ?? "").trim();
  if (/^\d{9,}$/.test(source)) return Number(source);
  const match = /^now((?:[+-]\d+[smhdwMy])*)(?:\/([smhdwMy]))?$/.exec(source);
  if (match) {
    let time = now;
    for (const [, sign, count, unit] of match[1].matchAll(/([+-])(\d+)([smhdwMy])/g)) {
      time += (sign === "-" ? -1 : 1) * Number(count) * UNIT_MS[unit];
    }
    return match[2] ? floorTo(time, match[2], up) : time;
  }
  const parsed = /^\d{4}-\d{2}-\d{2}/.test(source) ? Date.parse(source.replace(" ", "T")) : Number.NaN;
  return Number.isNaN(parsed) ? null : parsed;
}

/** {from, to} in milliseconds; null unless both ends are times and in order. */
export function resolve(range, now) {
  const from = parseTime(range.from, now);
  const to = parseTime(range.to, now, true);
  return from === null || to === null || from >= to ? null : { from, to };
}

/**
 * The shortest preset that holds all there is, where that fills less than half of `range`; else `range` itself.
 * A stack of twenty minutes is a sliver of a day. `oldest` is the time of the first data within the range; null for none.
 */
export function fitting(range, oldest, now) {
  const span = range.to === "now" ? now - (parseTime(range.from, now) ?? now) : 0;
  if (oldest === null || (now - oldest) * 2 >= span) return range;
  const fits = PRESETS.filter(([from]) => {
    const length = now - parseTime(from, now);
    return length >= Math.max(now - oldest, SHORTEST_FIT_MS) && length < span;
  });
  return fits.length ? { from: fits[0][0], to: "now" } : range;
}

/** Twice the span around the same middle, never past now. */
export function zoomOut({ from, to }, now) {
  const half = (to - from) / 2;
  const end = Math.min(to + half, Math.max(now, to));
  return absolute(end - (to - from) * 2, end);
}

/** The range moved by half its span; forward never past now. */
export function shift({ from, to }, direction, now) {
  const step = ((to - from) / 2) * direction;
  const end = direction > 0 ? Math.min(to + step, Math.max(now, to)) : to + step;
  return absolute(end - (to - from), end);
}

export function absolute(from, to) {
  return { from: String(Math.round(from)), to: String(Math.round(to)) };
}

export function dateText(ms, zone) {
  return new Date(ms).toLocaleString("sv-SE", { timeZone: zone });
}

/** What the picker's button says. */
export function describe(range, zone) {
  const preset = PRESETS.find(([from]) => from === range.from && range.to === "now");
  if (preset) return preset[1];
  const side = (text) => (/^\d+$/.test(text) ? dateText(Number(text), zone) : text);
  return `${side(range.from)} to ${side(range.to)}`;
}

/** The zone that Intl takes: undefined is the browser's own. */
export function zoneOf(dashboard) {
  const zone = dashboard.timezone;
  return !zone || zone === "browser" ? undefined : zone === "utc" ? "UTC" : zone;
}
