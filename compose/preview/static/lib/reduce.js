// One number out of many: Grafana's reducers, by their ids.

const isNumber = (value) => typeof value === "number" && !Number.isNaN(value);
const numbers = (values) => values.filter(isNumber);
const orNull = (values, compute) => (values.length ? compute(values) : null);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values) => values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / values.length;

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.round((sorted.length - 1) * q))];
}

const last = (values) => values[values.length - 1];
const least = (values) => values.reduce((a, b) => Math.min(a, b));
const most = (values) => values.reduce((a, b) => Math.max(a, b));
// A counter that restarts goes on from zero.
const increase = (values) =>
  values.slice(1).reduce((sum, value, i) => sum + (value >= values[i] ? value - values[i] : value), 0);

const REDUCERS = {
  lastNotNull: (values) =>
    last(values.filter((value) => value !== null && value !== undefined && !Number.isNaN(value))) ?? null,
  last: (values) => last(values) ?? null,
  firstNotNull: (values) =>
    values.find((value) => value !== null && value !== undefined && !Number.isNaN(value)) ?? null,
  first: (values) => values[0] ?? null,
  min: (values) => orNull(numbers(values), least),
  max: (values) => orNull(numbers(values), most),
  mean: (values) => orNull(numbers(values), mean),
  median: (values) => orNull(numbers(values), (list) => quantile(list, 0.5)),
  sum: (values) => orNull(numbers(values), (list) => list.reduce((a, b) => a + b, 0)),
  count: (values) => values.length,
  range: (values) => orNull(numbers(values), (list) => most(list) - least(list)),
  delta: (values) => orNull(numbers(values), increase),
  diff: (values) => orNull(numbers(values), (list) => last(list) - list[0]),
  diffperc: (values) => orNull(numbers(values), (list) => (list[0] ? (last(list) - list[0]) / list[0] : null)),
  variance: (values) => orNull(numbers(values), variance),
  stdDev: (values) => orNull(numbers(values), (list) => Math.sqrt(variance(list))),
  distinctCount: (values) => new Set(values).size,
  changeCount: (values) => numbers(values).filter((value, i, list) => i > 0 && value !== list[i - 1]).length,
  allIsZero: (values) => values.every((value) => value === 0 || value === null),
  allIsNull: (values) => values.every((value) => value === null),
};
const NAMES = {
  lastNotNull: "Last *",
  last: "Last",
  firstNotNull: "First *",
  first: "First",
  min: "Min",
  max: "Max",
  mean: "Mean",
  median: "Median",
  sum: "Total",
  count: "Count",
  range: "Range",
  delta: "Delta",
  diff: "Difference",
  diffperc: "Difference %",
  variance: "Variance",
  stdDev: "StdDev",
  distinctCount: "Distinct",
  changeCount: "Changes",
  allIsZero: "All zeros",
  allIsNull: "All nulls",
};
// These come out in a unit of their own, not in the field's.
export const UNITLESS = new Set(["count", "distinctCount", "changeCount", "diffperc", "allIsZero", "allIsNull"]);

export const knowsReducer = (id) => id in REDUCERS || /^p\d{1,2}$/.test(id);
export const reducerName = (id) => NAMES[id] ?? id;

/** The value of reducer `id` over `values`, null where there is none. Unknown ids give null. */
export function reduce(values, id) {
  if (id in REDUCERS) return REDUCERS[id](values);
  return knowsReducer(id) ? orNull(numbers(values), (list) => quantile(list, Number(id.slice(1)) / 100)) : null;
}
