import assert from "node:assert/strict";
import { test } from "node:test";

import { align, roundInterval, stepFor } from "../../../compose/preview/static/lib/interval.js";
import {
  describe,
  fitting,
  formatDuration,
  parseDuration,
  parseTime,
  resolve,
  shift,
  zoomOut,
} from "../../../compose/preview/static/lib/timerange.js";

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0);
const HOUR = 3600000;

test("durations are read and written as Prometheus writes them", () => {
  assert.equal(parseDuration("1h30m"), 5400000);
  assert.equal(parseDuration("250ms"), 250);
  assert.equal(parseDuration(">10s"), 10000);
  for (const bad of ["", "15", "x", "1 h", null, undefined]) assert.equal(parseDuration(bad), null, String(bad));
  assert.deepEqual([15000, 60000, 90000, 7200000, 86400000, 1].map(formatDuration), [
    "15s",
    "1m",
    "90s",
    "2h",
    "1d",
    "1ms",
  ]);
});

test("times may be relative, rounded, in milliseconds or dates", () => {
  assert.equal(parseTime("now", NOW), NOW);
  assert.equal(parseTime("now-6h", NOW), NOW - 6 * HOUR);
  assert.equal(parseTime("now-1d+2h", NOW), NOW - 22 * HOUR);
  assert.equal(parseTime("1769860800000", NOW), 1769860800000);
  assert.equal(parseTime("2026-01-31T10:00:00Z", NOW), NOW - 2 * HOUR);
  const day = new Date(NOW);
  assert.equal(parseTime("now/d", NOW), new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime());
  assert.equal(parseTime("now/d", NOW, true) - parseTime("now/d", NOW), 24 * HOUR - 1);
  for (const bad of ["", "yesterday", "now-", "now-6", "12"]) assert.equal(parseTime(bad, NOW), null, bad);
});

test("a range whose ends are no times or in the wrong order is none", () => {
  assert.deepEqual(resolve({ from: "now-1h", to: "now" }, NOW), { from: NOW - HOUR, to: NOW });
  assert.equal(resolve({ from: "now", to: "now-1h" }, NOW), null);
  assert.equal(resolve({ from: "x", to: "now" }, NOW), null);
});

test("zooming out doubles the span and does not run past now", () => {
  assert.deepEqual(zoomOut({ from: NOW - HOUR, to: NOW }, NOW), { from: String(NOW - 2 * HOUR), to: String(NOW) });
  assert.deepEqual(zoomOut({ from: NOW - 5 * HOUR, to: NOW - 3 * HOUR }, NOW), {
    from: String(NOW - 6 * HOUR),
    to: String(NOW - 2 * HOUR),
  });
});

test("shifting moves by half a span, forward no further than now", () => {
  assert.deepEqual(shift({ from: NOW - 2 * HOUR, to: NOW }, -1, NOW), {
    from: String(NOW - 3 * HOUR),
    to: String(NOW - HOUR),
  });
  assert.deepEqual(shift({ from: NOW - 2 * HOUR, to: NOW }, 1, NOW), { from: String(NOW - 2 * HOUR), to: String(NOW) });
});

test("the picker names known ranges and writes out others", () => {
  assert.equal(describe({ from: "now-6h", to: "now" }), "Last 6 hours");
  assert.equal(describe({ from: "now-90m", to: "now" }), "now-90m to now");
  assert.equal(
    describe({ from: String(NOW), to: String(NOW + HOUR) }, "UTC"),
    "2026-01-31 12:00:00 to 2026-01-31 13:00:00",
  );
});

test("intervals are rounded by Grafana's table", () => {
  assert.deepEqual(
    [9, 14, 800, 13000, 29000, 70000, 3000000].map(roundInterval),
    [1, 10, 1000, 15000, 30000, 60000, 3600000],
  );
});

test("the rate window is four scrapes or a step and a scrape, whichever is longer", () => {
  const range = { from: NOW - HOUR, to: NOW };
  const close = stepFor({ range, points: 1000, scrape: "15s" });
  assert.equal(close.stepMs, 15000);
  assert.equal(close.macros.__rate_interval, "1m");
  const wide = stepFor({ range: { from: NOW - 168 * HOUR, to: NOW }, points: 600, scrape: "15s" });
  assert.equal(wide.stepMs, 900000);
  assert.equal(wide.macros.__rate_interval, "915s");
  assert.equal(wide.macros.__interval, "15m");
});

test("a query's own least step counts as the scrape interval", () => {
  const { stepMs, macros } = stepFor({
    range: { from: NOW - HOUR, to: NOW },
    points: 1000,
    scrape: "15s",
    targetInterval: "1m",
  });
  assert.equal(stepMs, 60000);
  assert.equal(macros.__rate_interval, "4m");
});

test("the range macros speak of the whole range", () => {
  const { macros } = stepFor({ range: { from: NOW - 6 * HOUR, to: NOW }, points: 600, scrape: "15s" });
  assert.equal(macros.__range, "21600s");
  assert.equal(macros.__range_s, "21600");
  assert.equal(macros.__range_ms, "21600000");
});

test("no range asks for more points than Prometheus gives", () => {
  const range = { from: NOW - 365 * 24 * HOUR, to: NOW };
  const { stepMs } = stepFor({ range, points: 100000, scrape: "15s", targetInterval: "15s" });
  assert.ok((range.to - range.from) / stepMs <= 11000);
});

test("queries start and end on the step's grid", () => {
  assert.deepEqual(align({ from: 61000, to: 125000 }, 60000), { start: 60, end: 120, step: 60 });
});

test("a board opens on what there is, where that is less than half of its range", () => {
  const fit = (from, age, to = "now") => fitting({ from, to }, age === null ? null : NOW - age, NOW).from;
  assert.equal(fit("now-6h", 20 * 60000), "now-30m");
  assert.equal(fit("now-6h", 40 * 60000), "now-1h");
  assert.equal(fit("now-1d", 2 * HOUR), "now-3h");
  assert.equal(fit("now-6h", 1000), "now-15m", "never so short that nothing is seen to move");
  for (const age of [null, 3 * HOUR, 6 * HOUR]) assert.equal(fit("now-6h", age), "now-6h", String(age));
  assert.equal(fit("now-5m", 1000), "now-5m");
  assert.equal(fit("now-2d", 60000, "now-1d"), "now-2d", "a range that ends in the past was meant");
});
