// Step and rate windows, computed as Grafana's Prometheus data source computes them.

import { formatDuration, parseDuration } from "./timerange.js";

const MAX_POINTS = 11000; // more points per series Prometheus refuses
const FALLBACK_MS = 15000;
// [upper bound, rounded to], milliseconds: Grafana's table of round intervals.
const ROUND = [
  [10, 1],
  [15, 10],
  [35, 20],
  [75, 50],
  [150, 100],
  [350, 200],
  [750, 500],
  [1500, 1000],
  [3500, 2000],
  [7500, 5000],
  [12500, 10000],
  [17500, 15000],
  [25000, 20000],
  [45000, 30000],
  [90000, 60000],
  [210000, 120000],
  [450000, 300000],
  [750000, 600000],
  [1050000, 900000],
  [1500000, 1200000],
  [2700000, 1800000],
  [5400000, 3600000],
  [9000000, 7200000],
  [16200000, 10800000],
  [32400000, 21600000],
  [86400000, 43200000],
  [604800000, 86400000],
  [1814400000, 604800000],
  [3628800000, 2592000000],
];

export function roundInterval(ms) {
  return ROUND.find(([limit]) => ms < limit)?.[1] ?? 31536000000;
}

/**
 * Step and macros of one query.
 * @param {{range: {from: number, to: number}, points: number, scrape: string, panelInterval?: string, targetInterval?: string,
 *   factor?: number}} of `points` is maxDataPoints or the panel's width; intervals are durations or "".
 * @returns {{stepMs: number, macros: Record<string, string>}}
 */
export function stepFor({ range, points, scrape, panelInterval, targetInterval, factor }) {
  const span = range.to - range.from;
  const scrapeMs = parseDuration(scrape) ?? FALLBACK_MS;
  const low = parseDuration(panelInterval) ?? scrapeMs;
  const queryMs = Math.max(roundInterval(span / Math.max(1, points)), low);
  const minimum = parseDuration(targetInterval);
  const safe = roundInterval(span / MAX_POINTS);
  const calculated = Math.max(roundInterval(span / Math.max(1, points)), minimum ?? queryMs);
  const stepMs = Math.max(calculated, safe) * (factor || 1);
  const base = minimum ?? scrapeMs;
  const rateMs = Math.max(queryMs + base, 4 * base);
  const seconds = Math.max(1, Math.round(span / 1000));
  return {
    stepMs,
    macros: {
      __interval: formatDuration(stepMs),
      __interval_ms: String(stepMs),
      __rate_interval: formatDuration(rateMs),
      __rate_interval_ms: String(rateMs),
      __range: `${seconds}s`,
      __range_s: String(seconds),
      __range_ms: String(seconds * 1000),
      __from: String(range.from),
      __to: String(range.to),
    },
  };
}

/** Start and end in seconds, both on the step's grid, so that neighbouring refreshes ask for the same points. */
export function align(range, stepMs) {
  const floor = (ms) => (Math.floor(ms / stepMs) * stepMs) / 1000;
  return { start: floor(range.from), end: floor(range.to), step: stepMs / 1000 };
}
