import assert from "node:assert/strict";
import { test } from "node:test";

import { blend, named, readableOn, schemeStops, seriesColor } from "../../../compose/preview/static/lib/colors.js";
import {
  activeStep,
  mapped,
  processor,
  seriesColorOf,
  thresholdSteps,
  valueColor,
} from "../../../compose/preview/static/lib/display.js";
import { knowsReducer, reduce } from "../../../compose/preview/static/lib/reduce.js";
import { format, join, knowsUnit, roundSteps } from "../../../compose/preview/static/lib/units.js";

const text = (value, unit, decimals) => join(format(value, unit, decimals));

test("values are written in Grafana's units with three significant digits", () => {
  const cases = [
    [1234, "short", "1.23 K"],
    [0.05, "short", "0.0500"],
    [1500000, "short", "1.50 Mil"],
    [3, "none", "3"],
    [0.1234, "none", "0.123"],
    [0.5, "percentunit", "50%"],
    [0.123456, "percentunit", "12.3%"],
    [42.5, "percent", "42.5%"],
    [0, "s", "0 s"],
    [0.25, "s", "250 ms"],
    [0.0000015, "s", "1.50 µs"],
    [90, "s", "1.50 mins"],
    [7200, "s", "2 hours"],
    [172800, "s", "2 days"],
    [250, "ms", "250 ms"],
    [1500, "ms", "1.50 s"],
    [5, "d", "5 days"],
    [1024, "bytes", "1 KiB"],
    [1000, "decbytes", "1 kB"],
    [12.5, "reqps", "12.5 req/s"],
    [2500, "ops", "2.50K ops/s"],
    [1234567, "locale", "1,234,567"],
    [7, "suffix:min", "7 min"],
    [7, "prefix:~", "~7"],
    [1, "bool_yes_no", "Yes"],
    [3661, "dthms", "01:01:01"],
    [-2, "none", "-2"],
    [-0.0001, "percentunit", "-0.0100%"],
  ];
  for (const [value, unit, expected] of cases) assert.equal(text(value, unit), expected, `${value} ${unit}`);
});

test("decimals of the panel win over significant digits, and a rounded zero has no sign", () => {
  assert.equal(text(0.123456, "percentunit", 2), "12.35%");
  assert.equal(text(-0.0001, "none", 2), "0.00");
  assert.equal(text(Infinity, "s"), "∞ years");
});

test("long durations are spelled out down to the asked number of parts", () => {
  assert.equal(text(4 * 3600 + 720, "dtdurations"), "4 hours");
  assert.equal(text(4 * 3600 + 720, "dtdurations", 1), "4 hours, 12 minutes");
  assert.equal(text(0, "dtdurations"), "0 seconds");
  assert.equal(text(-60, "dtdurations"), "1 minute ago");
});

test("a moment is told by its distance from now", () => {
  const now = Date.now();
  assert.equal(text(now - 5 * 60000, "dateTimeFromNow"), "5 minutes ago");
  assert.equal(text(now - 1000, "dateTimeFromNow"), "a few seconds ago");
  assert.equal(text(now + 3 * 3600000 + 1000, "dateTimeFromNow"), "in 3 hours");
});

test("a unit that is not known stands behind the number and is reported", () => {
  assert.equal(text(3, "widgets"), "3 widgets");
  assert.equal(knowsUnit("widgets"), false);
  assert.equal(knowsUnit("suffix:widgets"), true);
  assert.equal(knowsUnit(undefined), true);
});

test("reducers pass over missing values as Grafana's do", () => {
  const values = [null, 4, 1, null, 3, null];
  const expected = {
    lastNotNull: 3,
    last: null,
    firstNotNull: 4,
    first: null,
    min: 1,
    max: 4,
    mean: 8 / 3,
    sum: 8,
    count: 6,
    range: 3,
    diff: -1,
    delta: 3,
    p50: 3,
  };
  for (const [id, result] of Object.entries(expected)) assert.equal(reduce(values, id), result, id);
  assert.equal(reduce([], "max"), null);
  assert.equal(reduce([null], "lastNotNull"), null);
  assert.equal(knowsReducer("nonsense"), false);
});

test("the base step of thresholds is everything below the first value, whether null or left out", () => {
  const config = {
    thresholds: {
      mode: "absolute",
      steps: [
        { color: "green", value: null },
        { color: "orange", value: 0.1 },
        { color: "red", value: 0.25 },
      ],
    },
  };
  const steps = thresholdSteps(config);
  assert.deepEqual(
    steps.map(({ value }) => value),
    [-Infinity, 0.1, 0.25],
  );
  assert.deepEqual(
    [-5, 0.1, 0.2, 9, null].map((value) => activeStep(value, steps).color),
    ["green", "orange", "orange", "red", "green"],
  );
  const bare = { thresholds: { steps: [{ color: "red" }] } };
  assert.equal(activeStep(1, thresholdSteps(bare)).color, "red");
});

test("percent thresholds follow min and max", () => {
  const config = {
    min: 0,
    max: 50,
    thresholds: {
      mode: "percentage",
      steps: [
        { color: "green", value: null },
        { color: "red", value: 80 },
      ],
    },
  };
  assert.equal(thresholdSteps(config)[1].value, 40);
});

test("mappings of every kind replace text and colour", () => {
  const mappings = [
    { type: "value", options: { 1: { text: "up", color: "green" }, 0: { text: "down" } } },
    { type: "range", options: { from: 10, to: null, result: { text: "many" } } },
    { type: "regex", options: { pattern: "/v(\\d+)/", result: { text: "version $1" } } },
    { type: "special", options: { match: "null", result: { text: "none" } } },
  ];
  assert.equal(mapped(1, mappings).text, "up");
  assert.equal(mapped("0", mappings).text, "down");
  assert.equal(mapped(12, mappings).text, "many");
  assert.equal(mapped("v7", mappings).text, "version 7");
  assert.equal(mapped(null, mappings).text, "none");
  assert.equal(mapped(5, mappings), null);
});

test("a value without a number shows noValue, and a mapping wins over the unit", () => {
  const field = {
    type: "number",
    values: [],
    config: {
      unit: "s",
      noValue: "no data",
      mappings: [{ type: "value", options: { 0: { text: "idle", color: "blue" } } }],
    },
  };
  const process = processor(field, { theme: "light" });
  assert.equal(join(process(null)), "no data");
  assert.equal(process(null).empty, true);
  assert.equal(join(process(0)), "idle");
  assert.equal(process(0).color, named("blue", "light"));
  assert.equal(join(process(0.5)), "500 ms");
});

test("colours come from the palette, from thresholds by the last value, or are fixed", () => {
  const steps = {
    thresholds: {
      steps: [
        { color: "green", value: null },
        { color: "red", value: 5 },
      ],
    },
  };
  const field = (config) => ({ display: "a", values: [9, 1], config: { ...steps, ...config } });
  assert.equal(seriesColorOf(field({ color: { mode: "palette-classic" } }), 1, "light"), seriesColor(1, "light"));
  assert.equal(seriesColorOf(field({ color: { mode: "thresholds" } }), 0, "light"), named("green", "light"));
  assert.equal(
    seriesColorOf(field({ color: { mode: "thresholds", seriesBy: "max" } }), 0, "light"),
    named("red", "light"),
  );
  assert.equal(seriesColorOf(field({ color: { mode: "fixed", fixedColor: "#123456" } }), 0, "light"), "#123456");
  assert.notEqual(
    valueColor(0, { min: 0, max: 1, color: { mode: "continuous-GrYlRd" } }, "light"),
    valueColor(1, { min: 0, max: 1, color: { mode: "continuous-GrYlRd" } }, "light"),
  );
});

test("twelve series have twelve colours on either ground", () => {
  for (const theme of ["light", "dark"])
    assert.equal(new Set(Array.from({ length: 12 }, (_, i) => seriesColor(i, theme))).size, 12);
});

test("a heatmap's scheme is calm at its low end on light and on dark ground", () => {
  assert.equal(schemeStops("Oranges", "light")[0], "#fff5eb");
  assert.equal(schemeStops("Oranges", "dark")[0], "#7f2704");
  assert.equal(schemeStops("Spectral", "light").at(-1), "#9e0142");
  assert.equal(schemeStops("Nonsense", "light"), null);
  assert.equal(blend(["#000000", "#ffffff"], 0.5), "rgb(128,128,128)");
});

test("text on a coloured ground is black or white, whichever reads better", () => {
  assert.equal(readableOn("#ffffff"), "#10151c");
  assert.equal(readableOn("#8f1b19"), "#ffffff");
});

test("ticks of spans and of bytes stand at round numbers of their unit", () => {
  assert.deepEqual(
    [900, 7200, 0.005].map((step) => roundSteps("s").includes(step)),
    [true, true, true],
  );
  assert.ok(roundSteps("ms").includes(60000));
  assert.ok(roundSteps("bytes").includes(1048576));
  assert.equal(roundSteps("reqps"), null);
  assert.equal(roundSteps(undefined), null);
});
