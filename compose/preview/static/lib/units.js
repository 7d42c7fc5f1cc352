// Values as Grafana writes them: a number, a unit id and decimals become {prefix, text, suffix}.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const WEEK = 604800;
const YEAR = 31536000;

/** Decimals that leave three significant digits; none for whole numbers. */
function decimalsFor(value) {
  if (value % 1 === 0 || !Number.isFinite(value)) return 0;
  return Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
}

export function toFixed(value, decimals) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  const text = value.toFixed(decimals ?? decimalsFor(value));
  return Number(text) === 0 ? text.replace("-", "") : text;
}

const plain = (suffix) => (value, decimals) => ({ text: toFixed(value, decimals), suffix });
const times = (factor, format) => (value, decimals) => format(value * factor, decimals);

function scaled(factor, suffixes, offset = 0) {
  return (value, decimals) => {
    const power =
      value === 0 || !Number.isFinite(value) ? 0 : Math.floor(Math.log(Math.abs(value)) / Math.log(factor) + 1e-12);
    const index = Math.min(suffixes.length - 1, Math.max(0, offset + power));
    return { text: toFixed(value / factor ** (index - offset), decimals), suffix: suffixes[index] };
  };
}

const SI = ["f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const IEC = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const si = (symbol) =>
  scaled(
    1000,
    SI.map((prefix) => ` ${prefix}${symbol}`),
    5,
  );
const bytesLike = (symbol) =>
  scaled(
    1000,
    SI.slice(5).map((prefix) => ` ${prefix}${symbol}`),
  );
const iec = (symbol) =>
  scaled(
    1024,
    IEC.map((prefix) => ` ${prefix}${symbol}`),
  );
const counted = (symbol) =>
  scaled(
    1000,
    ["", "K", "M", "B", "T"].map((prefix) => `${prefix} ${symbol}`),
  );

/** A span in seconds, in the largest unit that keeps it above one. */
function seconds(value, decimals) {
  const size = Math.abs(value);
  if (size === 0) return { text: "0", suffix: " s" };
  if (size < 1e-6) return { text: toFixed(value * 1e9, decimals), suffix: " ns" };
  if (size < 1e-3) return { text: toFixed(value * 1e6, decimals), suffix: " µs" };
  if (size < 1) return { text: toFixed(value * 1e3, decimals), suffix: " ms" };
  if (size < MINUTE) return { text: toFixed(value, decimals), suffix: " s" };
  if (size < HOUR) return { text: toFixed(value / MINUTE, decimals), suffix: " mins" };
  if (size < DAY) return { text: toFixed(value / HOUR, decimals), suffix: " hours" };
  if (size < WEEK) return { text: toFixed(value / DAY, decimals), suffix: " days" };
  if (size < YEAR) return { text: toFixed(value / WEEK, decimals), suffix: " weeks" };
  return { text: toFixed(value / YEAR, decimals), suffix: " years" };
}

function milliseconds(value, decimals) {
  if (value === 0) return { text: "0", suffix: " ms" };
  return Math.abs(value) < 1000 ? { text: toFixed(value, decimals), suffix: " ms" } : seconds(value / 1000, decimals);
}

const SPANS = [
  ["year", YEAR],
  ["month", 2592000],
  ["week", WEEK],
  ["day", DAY],
  ["hour", HOUR],
  ["minute", MINUTE],
  ["second", 1],
];

/** "4 hours", and with decimals 1 "4 hours, 12 minutes". */
function longDuration(value, decimals) {
  if (value < 0) return { text: `${longDuration(-value, decimals).text} ago`, suffix: "" };
  const parts = [];
  let rest = value;
  for (const [name, size] of SPANS) {
    if (rest < size && parts.length === 0) continue;
    const count = Math.floor(rest / size);
    parts.push(`${count} ${name}${count === 1 ? "" : "s"}`);
    rest %= size;
    if (parts.length > (decimals ?? 0)) break;
  }
  if (parts.length > 0) return { text: parts.join(", "), suffix: "" };
  return value === 0 ? { text: "0 seconds", suffix: "" } : milliseconds(value * 1000, 0);
}

function clock(value) {
  const total = Math.floor(Math.abs(value));
  const pad = (n) => String(n).padStart(2, "0");
  const days = Math.floor(total / DAY);
  const time = [Math.floor((total % DAY) / HOUR), Math.floor((total % HOUR) / MINUTE), total % MINUTE]
    .map(pad)
    .join(":");
  return { text: `${value < 0 ? "-" : ""}${days ? `${days} d ` : ""}${time}`, suffix: "" };
}

/** Milliseconds since the epoch against now, in moment's words. */
export function fromNow(value, _decimals, now = Date.now()) {
  const span = Math.abs(now - value) / 1000;
  const steps = [
    [45, "a few seconds"],
    [90, "a minute"],
    [45 * MINUTE, MINUTE, "minutes"],
    [90 * MINUTE, "an hour"],
    [22 * HOUR, HOUR, "hours"],
    [36 * HOUR, "a day"],
    [26 * DAY, DAY, "days"],
    [46 * DAY, "a month"],
    [320 * DAY, 30.4 * DAY, "months"],
    [548 * DAY, "a year"],
    [Infinity, YEAR, "years"],
  ];
  const [, unit, name] = steps.find(([limit]) => span < limit);
  const words = name ? `${Math.round(span / unit)} ${name}` : unit;
  return { text: value > now ? `in ${words}` : `${words} ago`, suffix: "" };
}

function dateTime(value) {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return { text: "Invalid date", suffix: "" };
  return { text: date.toLocaleString("sv-SE"), suffix: "" };
}

const bool = (yes, no) => (value) => ({ text: value ? yes : no, suffix: "" });
const money = (symbol) => (value, decimals) => {
  const out = scaled(1000, ["", "K", "M", "B", "T"])(value, decimals);
  return { ...out, prefix: symbol };
};

const FORMATS = {
  none: plain(""),
  string: (value) => ({ text: String(value), suffix: "" }),
  short: scaled(1000, ["", " K", " Mil", " Bil", " Tri", " Quadr", " Quint", " Sext", " Sept"]),
  sishort: bytesLike(""),
  percent: plain("%"),
  percentunit: times(100, plain("%")),
  locale: (value, decimals) => ({
    text: value.toLocaleString("en-US", { maximumFractionDigits: decimals ?? 20 }),
    suffix: "",
  }),
  sci: (value, decimals) => ({ text: value.toExponential(decimals ?? undefined), suffix: "" }),
  s: seconds,
  ms: milliseconds,
  µs: times(1e-6, seconds),
  ns: times(1e-9, seconds),
  m: times(MINUTE, seconds),
  h: times(HOUR, seconds),
  d: times(DAY, seconds),
  dtdurations: longDuration,
  dtdurationms: times(1e-3, longDuration),
  dthms: clock,
  clocks: clock,
  dateTimeFromNow: fromNow,
  dateTimeAsIso: dateTime,
  dateTimeAsIsoNoDateIfToday: dateTime,
  dateTimeAsSystem: dateTime,
  dateTimeAsLocal: dateTime,
  bytes: iec("B"),
  decbytes: bytesLike("B"),
  bits: iec("b"),
  decbits: bytesLike("b"),
  binBps: iec("B/s"),
  Bps: bytesLike("B/s"),
  binbps: iec("b/s"),
  bps: bytesLike("b/s"),
  reqps: counted("req/s"),
  ops: counted("ops/s"),
  cps: counted("c/s"),
  rps: counted("rd/s"),
  wps: counted("wr/s"),
  iops: counted("io/s"),
  eps: counted("evt/s"),
  mps: counted("msg/s"),
  recps: counted("rec/s"),
  rowsps: counted("rows/s"),
  reqpm: counted("req/m"),
  opm: counted("ops/m"),
  cpm: counted("c/m"),
  hertz: si("Hz"),
  celsius: plain(" °C"),
  bool: bool("True", "False"),
  bool_on_off: bool("On", "Off"),
  bool_yes_no: bool("Yes", "No"),
  currencyUSD: money("$"),
  currencyEUR: money("€"),
  currencyGBP: money("£"),
};

const CUSTOM = {
  suffix: (text) => plain(text.startsWith(" ") ? text : ` ${text}`),
  prefix: (text) => (value, decimals) => ({ prefix: text, text: toFixed(value, decimals), suffix: "" }),
  count: (text) => counted(text),
  si: (text) => si(text),
};

const SPANS_OF = {
  ns: 1e9,
  µs: 1e6,
  ms: 1e3,
  s: 1,
  m: 1 / MINUTE,
  h: 1 / HOUR,
  d: 1 / DAY,
  dtdurations: 1,
  dtdurationms: 1e3,
};
const ROUND_SPANS = [
  1,
  2,
  5,
  10,
  15,
  30,
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 28, 91, 182].map((n) => n * DAY),
  YEAR,
];
const decades = (from, to, steps) =>
  Array.from({ length: to - from }, (_, i) => steps.map((step) => step * 10 ** (i + from))).flat();

/** Distances between ticks that come out round in a unit that does not count in tens; null for those that do. */
export function roundSteps(unit) {
  const scale = SPANS_OF[unit];
  if (scale)
    return [...decades(-9, 0, [1, 2, 5]), ...ROUND_SPANS, ...decades(8, 12, [1, 2, 5])].map((step) => step * scale);
  if (FORMATS[unit] && /^(bytes|bits|binBps|binbps)$/.test(unit))
    return Array.from({ length: 60 }, (_, power) => 2 ** power);
  return null;
}

/** Whether Grafana's unit id is drawn here as Grafana would. */
export function knowsUnit(unit) {
  return !unit || unit in FORMATS || unit.split(":")[0] in CUSTOM;
}

/** {prefix, text, suffix} of a number. A unit that is not known is written behind the number, as Grafana does. */
export function format(value, unit, decimals) {
  if (value === null || value === undefined) return { prefix: "", text: "", suffix: "" };
  const [kind, ...rest] = (unit || "none").split(":");
  const formatter =
    FORMATS[unit || "none"] ?? (rest.length && CUSTOM[kind] ? CUSTOM[kind](rest.join(":")) : plain(` ${unit}`));
  return { prefix: "", ...formatter(value, decimals ?? undefined) };
}

export function join({ prefix = "", text, suffix = "" }) {
  return `${prefix}${text}${suffix}`;
}
