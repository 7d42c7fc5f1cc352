import assert from "node:assert/strict";
import { test } from "node:test";

import { areBuckets, rowsOf } from "../../../compose/preview/static/lib/buckets.js";
import { applyFieldConfig } from "../../../compose/preview/static/lib/fields.js";
import { field, joinTimes, legendName, toFrames } from "../../../compose/preview/static/lib/frames.js";
import { stack } from "../../../compose/preview/static/lib/stack.js";
import { sortedRows, transform } from "../../../compose/preview/static/lib/transforms.js";
import { stretches } from "../../../compose/preview/static/panels/state-timeline.js";
import { tickTexts } from "../../../compose/preview/static/panels/plot.js";
import { csv } from "../../../compose/preview/static/ui/inspect.js";

const vector = (...rows) => ({
  resultType: "vector",
  result: rows.map(([metric, value]) => ({ metric, value: [100, String(value)] })),
});
const matrix = (...rows) => ({ resultType: "matrix", result: rows.map(([metric, ...values]) => ({ metric, values })) });
const table = (data, refId, several = true) => toFrames(data, { refId, format: "table", expr: "x" }, 0, several);
const rowsIn = (frame) =>
  frame.fields[0].values.map((_, row) =>
    Object.fromEntries(frame.fields.map((f) => [f.display ?? f.name, f.values[row]])),
  );

test("a range answer becomes a frame a series, with special numbers read", () => {
  const [frame] = toFrames(
    matrix([{ __name__: "up", job: "a" }, [1, "1"], [2, "NaN"], [3, "+Inf"]]),
    { refId: "A", expr: "up", legendFormat: "{{job}} is {{ missing }}up" },
    1000,
  );
  assert.deepEqual(
    frame.fields.map(({ values }) => values),
    [
      [1000, 2000, 3000],
      [1, null, Infinity],
    ],
  );
  assert.equal(frame.name, "a is up");
  assert.deepEqual(frame.fields[1].labels, { job: "a" });
});

test("a legend left to Grafana names a series by its metric or by the labels that differ", () => {
  assert.equal(legendName({ __name__: "up", job: "a" }, "", "up"), 'up{job="a"}');
  assert.equal(legendName({}, "", "sum(up)"), "sum(up)");
  const frames = toFrames(
    vector([{ version: "1" }, 1], [{ version: "2" }, 2]),
    { refId: "A", expr: "x", legendFormat: "__auto" },
    0,
  );
  assert.deepEqual(
    applyFieldConfig(frames).map((frame) => frame.fields[1].display),
    ["1", "2"],
  );
});

test("a table answer has one frame with a column a label and a value named by its query", () => {
  const [frame] = table(vector([{ b: "2", a: "1" }, 5], [{ a: "3" }, 6]), "B");
  assert.deepEqual(
    frame.fields.map(({ name }) => name),
    ["Time", "a", "b", "Value #B"],
  );
  assert.deepEqual(frame.fields[2].values, ["2", null]);
  assert.deepEqual(table(vector([{ a: "1" }, 5]), "B", false)[0].fields.at(-1).name, "Value");
  assert.deepEqual(table(vector(), "B"), []);
});

test("heatmap series are ordered by their bucket's bound", () => {
  const frames = toFrames(
    matrix([{ le: "+Inf" }, [1, "3"]], [{ le: "0.5" }, [1, "1"]], [{ le: "10" }, [1, "2"]]),
    { refId: "A", format: "heatmap", expr: "x", legendFormat: "{{le}}" },
    1000,
  );
  assert.deepEqual(
    frames.map(({ name }) => name),
    ["0.5", "10", "+Inf"],
  );
});

test("series on different times share one grid, and a missing step is a gap", () => {
  const { times, columns } = joinTimes(
    [
      { times: [0, 10, 40], values: [1, 2, 3] },
      { times: [10], values: [9] },
    ],
    { from: 0, to: 40, stepMs: 10 },
  );
  assert.deepEqual(times, [0, 10, 20, 40]);
  assert.deepEqual(columns, [
    [1, 2, null, 3],
    [null, 9, null, null],
  ]);
});

test("overrides reach fields by name, by pattern and by query, the last one winning", () => {
  const frames = [
    ...toFrames(vector([{ outcome: "success" }, 1]), { refId: "A", expr: "x", legendFormat: "{{outcome}}" }, 0),
    ...toFrames(vector([{ outcome: "error" }, 2]), { refId: "B", expr: "x", legendFormat: "{{outcome}}" }, 0),
  ];
  const config = {
    defaults: { unit: "s", custom: { lineWidth: 2, fillOpacity: 5 } },
    overrides: [
      {
        matcher: { id: "byRegexp", options: "/^err/" },
        properties: [{ id: "color", value: { mode: "fixed", fixedColor: "red" } }],
      },
      {
        matcher: { id: "byFrameRefID", options: "B" },
        properties: [
          { id: "custom.lineWidth", value: 1 },
          { id: "displayName", value: "failed ${__field.labels.outcome}" },
        ],
      },
      { matcher: { id: "byName", options: "success" }, properties: [{ id: "unit", value: "ms" }] },
      { matcher: { id: "byMagic", options: "success" }, properties: [{ id: "unit", value: "h" }] },
    ],
  };
  const [a, b] = applyFieldConfig(frames, config).map((frame) => frame.fields[1]);
  assert.equal(a.config.unit, "ms");
  assert.equal(a.config.color, undefined);
  assert.deepEqual(b.config.custom, { lineWidth: 1, fillOpacity: 5 });
  assert.equal(b.config.color.fixedColor, "red");
  assert.equal(b.display, "failed error");
});

test("merge and organize join queries by the labels they share", () => {
  const frames = [
    ...table(vector([{ model: "m", feature: "a" }, 1], [{ model: "m", feature: "b" }, 2]), "A"),
    ...table(vector([{ model: "m", feature: "b" }, 20]), "B"),
  ];
  const [merged] = applyFieldConfig(
    transform(frames, [
      { id: "merge", options: {} },
      {
        id: "organize",
        options: {
          excludeByName: { Time: true },
          indexByName: { feature: 0, model: 1 },
          renameByName: { "Value #A": "PSI", feature: "Feature" },
        },
      },
    ]),
  );
  assert.deepEqual(
    merged.fields.map(({ display }) => display),
    ["Feature", "model", "PSI", "Value #B"],
  );
  assert.deepEqual(rowsIn(merged), [
    { Feature: "a", model: "m", PSI: 1, "Value #B": null },
    { Feature: "b", model: "m", PSI: 2, "Value #B": 20 },
  ]);
});

test("merge keeps rows apart whose other values contradict", () => {
  const frame = (value, extra) => ({
    refId: "A",
    name: "",
    table: true,
    fields: [field("k", "string", ["x"]), field("v", "number", [value]), field("w", "number", [extra])],
  });
  assert.equal(transform([frame(1, 1), frame(2, 1)], [{ id: "merge" }])[0].fields[0].values.length, 2);
});

test("labels become columns, of which some may be kept and one may name the value", () => {
  const frames = toFrames(
    vector([{ feature: "a", window: "1h" }, 1]),
    { refId: "A", expr: "x", legendFormat: "{{feature}}" },
    0,
  );
  const [all] = transform(frames, [{ id: "labelsToFields", options: {} }]);
  assert.deepEqual(
    all.fields.map(({ name }) => name),
    ["Time", "Value", "feature", "window"],
  );
  const [named] = transform(frames, [
    { id: "labelsToFields", options: { valueLabel: "window", keepLabels: ["window", "feature"] } },
  ]);
  assert.deepEqual(
    named.fields.map(({ name }) => name),
    ["Time", "1h", "feature"],
  );
});

test("rows are sorted with empty values last, and fields are filtered by name and pattern", () => {
  const frame = {
    refId: "A",
    name: "",
    table: true,
    fields: [field("n", "number", [2, null, 10]), field("t", "string", ["b", "c", "a"])],
  };
  const [sorted] = transform([frame], [{ id: "sortBy", options: { sort: [{ field: "n", desc: true }] } }]);
  assert.deepEqual(
    sorted.fields.map(({ values }) => values),
    [
      [10, 2, null],
      ["a", "b", "c"],
    ],
  );
  assert.deepEqual(sortedRows(["v10", "v9", ""]), [1, 0, 2]);
  const keep = (options) =>
    transform([frame], [{ id: "filterFieldsByName", options }])[0]?.fields.map(({ name }) => name);
  assert.deepEqual(keep({ include: { names: ["t"] } }), ["t"]);
  assert.deepEqual(keep({ exclude: { pattern: "/^t/" } }), ["n"]);
  assert.equal(keep({ include: { names: ["zzz"] } }), undefined);
});

test("reduce makes a row a series, join puts series side by side, limit cuts", () => {
  const frames = toFrames(
    matrix([{ job: "a" }, [1, "1"], [2, "3"]], [{ job: "b" }, [2, "5"]]),
    { refId: "A", expr: "x", legendFormat: "{{job}}" },
    1000,
  );
  const [reduced] = transform(frames, [{ id: "reduce", options: { reducers: ["max", "mean"] } }]);
  assert.deepEqual(rowsIn(reduced), [
    { Field: "a", Max: 3, Mean: 2 },
    { Field: "b", Max: 5, Mean: 5 },
  ]);
  const [joined] = transform(frames, [{ id: "joinByField", options: { byField: "Time" } }]);
  assert.deepEqual(
    joined.fields.map(({ values }) => values),
    [
      [1000, 2000],
      [1, 3],
      [null, 5],
    ],
  );
  assert.deepEqual(transform(frames, [{ id: "limit", options: { limitField: 1 } }])[0].fields[0].values, [1000]);
});

test("a transformation that is switched off or not known changes nothing", () => {
  const frames = [{ refId: "A", name: "", fields: [field("n", "number", [1])] }];
  assert.deepEqual(transform(frames, [{ id: "merge", disabled: true }, { id: "conjure" }]), frames);
});

test("stacked series rest on those below them in their group; others stand on the axis", () => {
  const normal = { mode: "normal", group: "A" };
  const { stacked, below } = stack(
    [
      [1, 2],
      [10, null],
      [5, 5],
    ],
    [normal, normal, { mode: "none", group: "B" }],
  );
  assert.deepEqual(stacked, [
    [1, 2],
    [11, 2],
    [5, 5],
  ]);
  assert.deepEqual(below, [-1, 0, -1]);
  const percent = { mode: "percent", group: "A" };
  assert.deepEqual(
    stack(
      [
        [1, 0],
        [3, 0],
      ],
      [percent, percent],
    ).stacked,
    [
      [0.25, 0],
      [1, 0],
    ],
  );
});

test("cumulative buckets become counts of their own, never below zero", () => {
  const fields = ["1", "5", "+Inf"].map((le) => ({ labels: { le }, display: le }));
  assert.equal(areBuckets(fields), true);
  const rows = rowsOf(fields, [
    [2, null],
    [5, null],
    [4, null],
  ]);
  assert.deepEqual(
    rows.map(({ name, low, high, values }) => [name, low, high, values]),
    [
      ["1", null, 1, [2, null]],
      ["5", 1, 5, [3, null]],
      ["+Inf", 5, Infinity, [0, null]],
    ],
  );
  const plain = [{ labels: { feature: "a" }, display: "a" }];
  assert.equal(areBuckets(plain), false);
  assert.deepEqual(rowsOf(plain, [[1]]), [{ name: "a", low: null, high: null, values: [1] }]);
});

test("a frame is saved as CSV with quoted text and times in ISO", () => {
  const frame = {
    fields: [field("Time", "time", [0], { display: "Time" }), field("x", "string", ['a "b", c'], { display: "x" })],
  };
  assert.equal(csv([frame]), 'Time,x\r\n1970-01-01T00:00:00.000Z,"a ""b"", c"');
});

test("a state lasts until the next sample, ends at a hole, and equal neighbours are one", () => {
  const found = stretches([0, 10, 20, 60], [1, 1, 2, 2], 10, 65);
  assert.deepEqual(found, [
    { from: 0, to: 20, value: 1 },
    { from: 20, to: 30, value: 2 },
    { from: 60, to: 65, value: 2 },
  ]);
  assert.equal(stretches([0, 10], [1, 1], 10, 20, false).length, 2);
  assert.deepEqual(stretches([0, 10], [null, undefined], 10, 20), []);
});

test("ticks have the fewest decimals that round none of them, by suffix", () => {
  assert.deepEqual(tickTexts([0, 0.25, 0.5], "none"), ["0.00", "0.25", "0.50"]);
  assert.deepEqual(tickTexts([0, 0.5, 1, 1.5], "s"), ["0 s", "500 ms", "1.0 s", "1.5 s"]);
  assert.deepEqual(tickTexts([0, 1000, 2500], "short"), ["0", "1.0 K", "2.5 K"]);
  assert.deepEqual(tickTexts([0.1, 0.2], "percentunit", 0), ["10%", "20%"]);
});
