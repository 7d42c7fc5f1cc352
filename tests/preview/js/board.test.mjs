import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, QueryError } from "../../../compose/preview/static/client.js";
import { sections } from "../../../compose/preview/static/layout.js";
import { eventsOf, prometheusAnnotations } from "../../../compose/preview/static/lib/annotations.js";
import { exemplarsOf } from "../../../compose/preview/static/lib/exemplars.js";
import { field } from "../../../compose/preview/static/lib/frames.js";
import {
  dashboardUrl,
  linkedBoards,
  own,
  resolveLinks,
  rowMacros,
  safeUrl,
  tracesUrl,
} from "../../../compose/preview/static/lib/links.js";
import { panelRange, runPanel } from "../../../compose/preview/static/lib/query.js";
import { expand, scopedVariables } from "../../../compose/preview/static/lib/repeat.js";
import { unsupported } from "../../../compose/preview/static/lib/support.js";
import { makeVariable } from "../../../compose/preview/static/lib/variables.js";

const options = (...values) => values.map((value) => ({ value, text: value }));
const variables = new Map([
  ["datasource", makeVariable({ name: "datasource" }, options("default"), ["default"])],
  ["model", makeVariable({ name: "model" }, options("a b"), ["a b"])],
  [
    "version",
    makeVariable({ name: "version", multi: true, includeAll: true, allValue: ".+" }, options("1", "2"), ["$__all"]),
  ],
]);
const urlRange = { from: "now-6h", to: "now" };
const scope = { variables, urlRange };

test("a data link carries the time range, variables and the labels of the series", () => {
  const link = {
    title: "Drill into ${__field.labels.feature}",
    url: "/d/x?${__url_time_range}&${datasource:queryparam}&var-feature=${__field.labels.feature}&var-model=$model",
    targetBlank: true,
  };
  const [resolved] = resolveLinks([link], { ...scope, macros: { "__field.labels.feature": "a&b" } });
  assert.deepEqual(resolved, {
    title: "Drill into a&b",
    url: "/d/x?from=now-6h&to=now&var-datasource=default&var-feature=a%26b&var-model=a%20b",
    blank: true,
  });
});

test("a table's link may use the values of its row, also under names with blanks", () => {
  const frame = {
    fields: [
      field("model", "string", ["m"], { display: "The model" }),
      field("Value", "number", [3], { display: "PSI" }),
    ],
  };
  const macros = rowMacros(frame, frame.fields[1], 0, "3.00");
  const url = (template) => resolveLinks([{ url: template }], { ...scope, macros })[0].url;
  assert.equal(
    url('/x?a=${__data.fields["The model"]}&b=${__value.raw}&c=${__value.text}&d=${__data.fields.model}'),
    "/x?a=m&b=3&c=3.00&d=m",
  );
});

test("addresses that run scripts are never links", () => {
  for (const bad of ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "vbscript:x"]) {
    assert.equal(safeUrl(bad), null, bad);
    assert.deepEqual(resolveLinks([{ title: "x", url: bad }], scope), []);
  }
  const macros = { "__value.raw": "javascript:alert(1)" };
  assert.deepEqual(resolveLinks([{ url: "${__value.raw}" }], { ...scope, macros }), []);
  assert.equal(safeUrl("/d/x"), "/d/x");
});

test("a dashboard link lists boards with its tags and keeps time and variables where it says so", () => {
  const boards = [
    { uid: "a", tags: ["k", "x"] },
    { uid: "b", tags: ["k"] },
    { uid: "c", tags: [] },
  ];
  assert.deepEqual(
    linkedBoards({ tags: ["k"] }, boards, "a").map(({ uid }) => uid),
    ["b"],
  );
  assert.equal(
    dashboardUrl("/d/b/b", { keepTime: true, includeVars: true }, scope),
    "/d/b/b?from=now-6h&to=now&var-datasource=default&var-model=a%20b&var-version=%24__all",
  );
  assert.equal(dashboardUrl("/r?x=1#here", { keepTime: true }, scope), "/r?x=1&from=now-6h&to=now#here");
  assert.equal(dashboardUrl("/runbooks/", {}, scope), "/runbooks/");
});

test("each stretch of samples is one event; a hole ends it", () => {
  const result = [
    {
      metric: { alertname: "Burn", model: "m", severity: "page" },
      values: [
        [0, "1"],
        [60, "1"],
        [300, "1"],
        [360, "0"],
        [420, "1"],
      ],
    },
  ];
  const annotation = {
    name: "Alerts",
    titleFormat: "{{alertname}}",
    textFormat: "{{model}}",
    tagKeys: "severity,nothing",
    iconColor: "red",
  };
  const events = eventsOf(result, annotation, 60000);
  assert.deepEqual(
    events.map(({ from, to }) => [from, to]),
    [
      [0, 60000],
      [300000, 300000],
      [420000, 420000],
    ],
  );
  assert.deepEqual([events[0].title, events[0].text, events[0].tags], ["Burn", "m", ["page"]]);
});

test("Grafana's own annotations are left out", () => {
  const list = [
    { builtIn: 1, name: "Annotations & Alerts" },
    { name: "a", expr: "ALERTS" },
    { name: "b", datasource: { type: "loki" } },
  ];
  assert.deepEqual(
    prometheusAnnotations({ annotations: { list } }).map(({ name }) => name),
    ["a"],
  );
});

test("panels belong to the row above them; a folded row carries its own", () => {
  const panel = (id, y, more = {}) => ({ id, type: "stat", gridPos: { x: 0, y, w: 6, h: 4 }, ...more });
  const found = sections([
    panel(3, 9),
    panel(1, 0),
    { id: 2, type: "row", gridPos: { x: 0, y: 5 }, panels: [] },
    { id: 4, type: "row", collapsed: true, gridPos: { x: 0, y: 20 }, panels: [panel(5, 21)] },
  ]);
  assert.deepEqual(
    found.map(({ row, panels }) => [row?.id ?? null, panels.map(({ id }) => id)]),
    [
      [null, [1]],
      [2, [3]],
      [4, [5]],
    ],
  );
});

test("what is not drawn is named once, and a panel that is whole has nothing to name", () => {
  const panel = {
    type: "timeseries",
    transformations: [{ id: "calculateField" }, { id: "merge" }, { id: "conjure", disabled: true }],
    targets: [
      { refId: "A", expr: "x", exemplar: true },
      { refId: "B", expr: "x", exemplar: true },
      { refId: "C", datasource: { type: "loki" } },
    ],
    fieldConfig: {
      defaults: { unit: "widgets", custom: { lineInterpolation: "wavy" } },
      overrides: [{ matcher: { id: "byValue" }, properties: [{ id: "custom.drawStyle", value: "bars" }] }],
    },
    options: { legend: { calcs: ["max", "guess"] } },
  };
  assert.deepEqual(unsupported(panel), [
    'unit "widgets"',
    'lineInterpolation "wavy"',
    'override matcher "byValue"',
    'transformation "calculateField"',
    'query C (data source "loki")',
    'calculation "guess"',
  ]);
  assert.deepEqual(unsupported({ type: "piechart" }), ['panel type "piechart"']);
  assert.deepEqual(
    unsupported({
      type: "stat",
      targets: [{ refId: "A", expr: "up", datasource: { type: "prometheus" } }],
      options: { reduceOptions: { calcs: ["lastNotNull"] } },
    }),
    [],
  );
});

test("a panel's own time range replaces the dashboard's", () => {
  const range = { from: 0, to: 7200000 };
  assert.deepEqual(panelRange({}, range), range);
  assert.deepEqual(panelRange({ timeFrom: "1h", timeShift: "30m" }, range), { from: 1800000, to: 5400000 });
});

test("of exemplars close together the slowest stays, with the trace it names", () => {
  const one = (timestamp, value, labels) => ({ timestamp, value: String(value), labels });
  const data = [
    {
      seriesLabels: { model: "m" },
      exemplars: [one(1, 0.2, { trace_id: "a" }), one(2, 0.9, { traceID: "b" }), one(3000, 0.1, {})],
    },
  ];
  const found = exemplarsOf(data, { from: 0, to: 3600000 });
  assert.deepEqual(
    found.map(({ time, value, trace }) => [time, value, trace]),
    [
      [2000, 0.9, "b"],
      [3000000, 0.1, null],
    ],
  );
  assert.deepEqual(found[0].labels, { model: "m", traceID: "b" });
});

test("exemplars are asked for where a query wants them, and their absence costs nothing", async () => {
  const client = { range: async () => answer([], "matrix"), exemplars: () => Promise.reject(new Error("not enabled")) };
  const panel = { targets: [{ refId: "A", expr: "x", exemplar: true }] };
  const data = await runPanel(panel, { client, variables, range: { from: 0, to: 60000 }, width: 100, scrape: "15s" });
  assert.deepEqual([data.exemplars, data.errors], [[], []]);
});

const answer = (result, resultType = "vector") => ({ resultType, result });

test("a panel asks with variables and macros filled in, instant where it says so", async () => {
  const asked = [];
  const client = {
    instant: async (expr, time) => {
      asked.push(["instant", expr, time]);
      return answer([{ metric: { model: "a b" }, value: [7200, "3"] }]);
    },
    range: async (expr, { start, end, step }) => {
      asked.push(["range", expr, start, end, step]);
      return answer([], "matrix");
    },
  };
  const panel = {
    type: "stat",
    targets: [
      { refId: "A", expr: 'sum(x{model="$model",version=~"$version"})', instant: true, legendFormat: "{{model}}" },
      { refId: "B", expr: "rate(x[$__rate_interval])" },
      { refId: "C", expr: "hidden", hide: true },
    ],
    fieldConfig: { defaults: { unit: "s" } },
  };
  const data = await runPanel(panel, { client, variables, range: { from: 0, to: 7200000 }, width: 240, scrape: "15s" });
  assert.deepEqual(asked, [
    ["instant", 'sum(x{model="a b",version=~".+"})', 7200000],
    ["range", "rate(x[1m])", 0, 7200, 30],
  ]);
  assert.equal(data.frames[0].fields[1].display, "a b");
  assert.equal(data.frames[0].fields[1].config.unit, "s");
  assert.deepEqual(
    data.queries.map(({ refId, series }) => [refId, series]),
    [
      ["A", 1],
      ["B", 0],
    ],
  );
});

test("one failed query is told beside the others' data; when all fail the panel fails", async () => {
  const client = {
    range: (expr) =>
      expr === "bad"
        ? Promise.reject(new Error("parse error"))
        : Promise.resolve(answer([{ metric: {}, values: [[1, "1"]] }], "matrix")),
  };
  const context = { client, variables, range: { from: 0, to: 60000 }, width: 100, scrape: "15s" };
  const data = await runPanel(
    {
      targets: [
        { refId: "A", expr: "good" },
        { refId: "B", expr: "bad" },
      ],
    },
    context,
  );
  assert.deepEqual([data.frames.length, data.errors.map(({ message }) => message)], [1, ["parse error"]]);
  await assert.rejects(runPanel({ targets: [{ refId: "B", expr: "bad" }] }, context), /parse error/);
});

test("Prometheus' errors come out in words, with their kind", async () => {
  const respond = (body) => new Client(async () => ({ json: async () => body }));
  const error = {
    status: "error",
    errorType: "bad_data",
    error: 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis',
  };
  await assert.rejects(respond(error).instant("sum(", 0), {
    message: "PromQL: unclosed left parenthesis",
    kind: "bad_data",
  });
  await assert.rejects(
    respond({ status: "error", errorType: "unavailable", error: "gone" }).instant("x", 0),
    (thrown) => thrown instanceof QueryError && thrown.kind === "unavailable",
  );
  const broken = new Client(async () => {
    throw new TypeError("Failed to fetch");
  });
  await assert.rejects(broken.instant("x", 0), { kind: "unavailable" });
});

test("variable queries ask for label values within the range", async () => {
  const asked = [];
  const client = new Client(async (url) => {
    asked.push(url);
    return { json: async () => ({ status: "success", data: ["model_a", "other"] }) };
  });
  const range = { from: 0, to: 60000 };
  await client.variableValues({ kind: "label_values", metric: 'up{a="b"}', label: "job" }, range);
  assert.equal(asked[0], "/prometheus/api/v1/label/job/values?start=0.000&end=60.000&match%5B%5D=up%7Ba%3D%22b%22%7D");
  assert.deepEqual(await client.variableValues({ kind: "metrics", pattern: "^model_" }, range), ["model_a"]);
  await assert.rejects(client.variableValues({ kind: "unknown" }, range), /known here/);
});

test("a repeated panel is drawn once a value, and what stands below it moves down", () => {
  const many = new Map([
    ["f", makeVariable({ name: "f", multi: true, includeAll: true }, options("a", "b", "c", "d"), ["$__all"])],
  ]);
  const panels = [
    { id: 1, type: "timeseries", title: "$f", repeat: "f", maxPerRow: 3, gridPos: { x: 0, y: 2, w: 24, h: 6 } },
    { id: 2, type: "stat", gridPos: { x: 0, y: 8, w: 6, h: 4 } },
    { id: 3, type: "stat", gridPos: { x: 0, y: 0, w: 6, h: 2 } },
  ];
  const found = expand(panels, many);
  assert.deepEqual(
    found.map(({ key, gridPos: { x, y, w } }) => [key, x, y, w]),
    [
      ["1", 0, 2, 8],
      ["1-clone-1", 8, 2, 8],
      ["1-clone-2", 16, 2, 8],
      ["1-clone-3", 0, 8, 8],
      ["2", 0, 14, 6],
      ["3", 0, 0, 6],
    ],
  );
  const scoped = scopedVariables(many, found[1].scoped).get("f");
  assert.deepEqual([scoped.value, scoped.text, scoped.all], [["b"], "b", false]);
  assert.equal(expand(panels, new Map()).length, 3);
});

test("addresses made for this machine follow the page's own port, all others stay", () => {
  assert.equal(own("http://127.0.0.1:3000/d/x?var-model=m#a"), "/d/x?var-model=m#a");
  assert.equal(own("http://localhost:3000/runbooks"), "/runbooks");
  for (const other of ["http://127.0.0.1:16686/trace/1", "https://grafana.example/d/x", "/d/x", "mailto-less"])
    assert.equal(own(other), other);
  assert.equal(own("javascript:alert(1)"), null);
});

test("a board's traces are those of its one model, in its time where that can be written so", () => {
  const range = { from: "now-6h", to: "now" };
  assert.equal(tracesUrl("/traces", ["a b"], range), "/traces?model=a+b&from=now-6h&to=now");
  assert.equal(tracesUrl("/traces", ["a", "b"], range), "/traces?from=now-6h&to=now");
  assert.equal(tracesUrl("/traces", ["$__all"], { from: "now/d", to: "now" }), "/traces");
});
