import assert from "node:assert/strict";
import { test } from "node:test";

import { interpolate, promValue, queryParam } from "../../../compose/preview/static/lib/interpolate.js";
import {
  applyRegex,
  customOptions,
  loadVariables,
  makeVariable,
  parseQuery,
  select,
  sortOptions,
} from "../../../compose/preview/static/lib/variables.js";
import { choose } from "../../../compose/preview/static/ui/variables.js";

const options = (...values) => values.map((value) => ({ value, text: value }));
const variable = (name, selected, definition = {}, known = options("a", "b.c")) =>
  makeVariable({ name, ...definition }, known, selected);
const scope = (...variables) => ({
  variables: new Map(variables.map((one) => [one.name, one])),
  macros: { __rate_interval: "1m" },
});

test("every way of writing a variable is filled in and unknown names stay", () => {
  const known = scope(variable("model", ["a"]));
  assert.equal(
    interpolate("$model ${model} [[model]] ${model:raw} $other $1 $__rate_interval", known),
    "a a a a $other $1 1m",
  );
});

test("a multi-value variable becomes an escaped alternation in PromQL", () => {
  const known = scope(variable("model", ["a", "b.c"], { multi: true }));
  assert.equal(interpolate('x{model=~"$model"}', known, promValue), 'x{model=~"(a|b\\\\.c)"}');
  assert.equal(interpolate("${model:regex}", known), "(a|b\\.c)");
  assert.equal(interpolate("${model:csv} ${model:pipe} ${model:json}", known), 'a,b.c a|b.c ["a","b.c"]');
});

test("a single value is escaped for the string that it stands in, not for a regular expression", () => {
  const known = scope(variable("model", ['a"} or vector(1) #'], {}, options('a"} or vector(1) #')));
  assert.equal(interpolate('x{model="$model"}', known, promValue), 'x{model="a\\"} or vector(1) #"}');
});

test("All uses the allValue as it stands, or else every option", () => {
  const withValue = scope(variable("model", ["$__all"], { includeAll: true, multi: true, allValue: ".+" }));
  assert.equal(interpolate('{model=~"$model"}', withValue, promValue), '{model=~".+"}');
  const without = scope(variable("model", ["$__all"], { includeAll: true, multi: true }));
  assert.equal(interpolate('{model=~"$model"}', without, promValue), '{model=~"(a|b\\\\.c)"}');
  assert.equal(queryParam("model", without.variables.get("model")), "var-model=%24__all");
});

test("variable queries are taken apart", () => {
  assert.deepEqual(parseQuery("label_values(up, job)"), { kind: "label_values", metric: "up", label: "job" });
  assert.deepEqual(parseQuery('label_values(up{job=~"a,b"}, instance)'), {
    kind: "label_values",
    metric: 'up{job=~"a,b"}',
    label: "instance",
  });
  assert.deepEqual(parseQuery("label_values(job)"), { kind: "label_values", metric: "", label: "job" });
  assert.deepEqual(parseQuery("query_result(sum by (x) (up))"), { kind: "query_result", expr: "sum by (x) (up)" });
  assert.deepEqual(parseQuery("metrics(model_.*)"), { kind: "metrics", pattern: "model_.*" });
  assert.deepEqual(parseQuery("label_names()"), { kind: "label_names", metric: "" });
  assert.deepEqual(parseQuery("up"), { kind: "unknown" });
});

test("a regex picks values and, with named groups, their texts", () => {
  assert.deepEqual(applyRegex(["a1", "b2", "a1"], "/^a.*/"), [{ value: "a1", text: "a1" }]);
  assert.deepEqual(
    applyRegex(['up{job="x"} 1 0', 'up{job="y"} 1 0'], '/job="([^"]+)"/').map(({ value }) => value),
    ["x", "y"],
  );
  assert.deepEqual(applyRegex(['{id="7",n="seven"}'], '/id="(?<value>[^"]+)",n="(?<text>[^"]+)"/'), [
    { value: "7", text: "seven" },
  ]);
  assert.deepEqual(applyRegex(["ab", "b"], "b"), [{ value: "b", text: "b" }]);
});

test("options are sorted as the variable says", () => {
  const names = (order) =>
    sortOptions(options("b10", "a2", "C1"), order)
      .map(({ value }) => value)
      .join();
  assert.deepEqual([0, 1, 2, 3, 4, 5].map(names), [
    "b10,a2,C1",
    "C1,a2,b10",
    "b10,a2,C1",
    "C1,a2,b10",
    "b10,a2,C1",
    "a2,b10,C1",
  ]);
});

test("custom options may hold escaped commas and texts of their own", () => {
  assert.deepEqual(customOptions("15m, 1h,a\\,b, One : 1"), [
    { text: "15m", value: "15m" },
    { text: "1h", value: "1h" },
    { text: "a,b", value: "a,b" },
    { text: "One", value: "1" },
  ]);
});

test("the address wins over the dashboard's choice even where the value is not known", () => {
  const known = options("a", "b");
  assert.deepEqual(select({ current: { value: "b" } }, known, { url: ["gone"] }), ["gone"]);
  assert.deepEqual(select({ current: { value: "b" } }, known), ["b"]);
  assert.deepEqual(select({ current: { value: "b" } }, known, { before: ["a"] }), ["a"]);
  assert.deepEqual(select({ current: { value: "z" } }, known, { before: ["y"] }), ["a"]);
  assert.deepEqual(select({ includeAll: true, multi: true, current: { value: ["$__all"] } }, known), ["$__all"]);
  assert.deepEqual(select({ includeAll: true, multi: true }, known, { url: ["All"] }), ["$__all"]);
  assert.deepEqual(select({ includeAll: true, multi: true }, known, { url: ["a", "b"] }), ["a", "b"]);
  assert.deepEqual(select({}, []), []);
});

test("each variable's query sees the values chosen before it", async () => {
  const asked = [];
  const client = {
    variableValues: async (query) => {
      asked.push(query.metric);
      return query.label === "model" ? ["m1", "m2"] : ["v1"];
    },
  };
  const definitions = [
    { name: "model", type: "query", query: { query: "label_values(info, model)" } },
    {
      name: "version",
      type: "query",
      query: 'label_values(info{model=~"$model"}, version)',
      multi: true,
      includeAll: true,
      allValue: ".+",
      current: { value: ["$__all"] },
    },
    { name: "window", type: "custom", query: "1h,1d" },
    { name: "ds", type: "datasource", query: "prometheus", current: { value: "default" } },
  ];
  const { variables, problems } = await loadVariables(definitions, {
    url: new URLSearchParams("var-model=m2&var-window=1d"),
    client,
    range: { from: 0, to: 1000 },
  });
  assert.deepEqual(asked, ["info", 'info{model=~"m2"}']);
  assert.deepEqual(
    [...variables.values()].map(({ name, value }) => [name, value]),
    [
      ["model", "m2"],
      ["version", ["v1"]],
      ["window", "1d"],
      ["ds", "default"],
    ],
  );
  assert.deepEqual(problems, []);
});

test("a variable that cannot be loaded is named and does not stop the others", async () => {
  const client = { variableValues: () => Promise.reject(new Error("bad matcher")) };
  const definitions = [
    { name: "model", type: "query", query: "label_values(x, y)" },
    { name: "f", type: "adhoc" },
    { name: "w", type: "custom", query: "1h" },
  ];
  const { variables, problems } = await loadVariables(definitions, {
    url: new URLSearchParams(),
    client,
    range: { from: 0, to: 1 },
  });
  assert.deepEqual(problems, [
    "Variable model: bad matcher",
    'Variable f: variables of type "adhoc" are not known here',
  ]);
  assert.equal(variables.get("w").value, "1h");
});

test("an interval variable offers auto, computed from the range", async () => {
  const definition = { name: "i", type: "interval", query: "1m,1h", auto: true, auto_count: 10, auto_min: "30s" };
  const { variables } = await loadVariables([definition], {
    url: new URLSearchParams(),
    client: {},
    range: { from: 0, to: 3600000 },
  });
  assert.deepEqual(
    variables.get("i").options.map(({ text }) => text),
    ["auto", "1m", "1h"],
  );
  assert.equal(variables.get("i").value, "5m");
});

test("All stands alone and an empty choice means All", () => {
  const multi = { multi: true, includeAll: true };
  assert.deepEqual(choose(multi, ["$__all"], "a"), ["a"]);
  assert.deepEqual(choose(multi, ["a"], "b"), ["a", "b"]);
  assert.deepEqual(choose(multi, ["a"], "a"), ["$__all"]);
  assert.deepEqual(choose(multi, ["a", "b"], "$__all"), ["$__all"]);
  assert.deepEqual(choose({ multi: false }, ["a"], "b"), ["b"]);
  assert.deepEqual(choose({ multi: true }, ["a"], "a"), ["a"]);
});
