// Prometheus' answers as Grafana's data frames: {refId, name, fields: [{name, type, labels, values, config, fixedName}]}.

const SPECIAL = { NaN: null, "+Inf": Infinity, "-Inf": -Infinity };
const number = (text = "") => (text in SPECIAL ? SPECIAL[text] : Number(text));

export function field(name, type, values, extra = {}) {
  return { name, type, values, labels: {}, config: {}, ...extra };
}

/** A metric as PromQL writes it. */
export function metricText(labels) {
  const { __name__: name = "", ...rest } = labels;
  const inner = Object.entries(rest).map(([key, value]) => `${key}="${value}"`);
  return inner.length ? `${name}{${inner.join(", ")}}` : name;
}

/** The name that the query's legend gives a series; "" for __auto, which looks at all series together. */
export function legendName(labels, legend, expr) {
  if (!legend || legend === "__auto")
    return legend === "__auto" && Object.keys(labels).length ? "" : metricText(labels) || expr;
  return legend.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name) => labels[name] ?? "");
}

function seriesOf({ resultType, result }) {
  if (resultType === "matrix") return result.map((item) => ({ labels: item.metric, points: item.values ?? [] }));
  if (resultType === "vector")
    return result.map((item) => ({ labels: item.metric, points: item.value ? [item.value] : [] }));
  return resultType === "scalar" || resultType === "string" ? [{ labels: {}, points: [result] }] : [];
}

/**
 * Frames of one answer.
 * @param {{resultType: string, result: any[]}} data
 * @param {{refId: string, legendFormat?: string, expr: string, format?: string}} target with variables filled in
 * @param {number} stepMs
 * @param {boolean} several whether more than one query of the panel makes a table
 */
export function toFrames(data, target, stepMs, several = false) {
  const series = seriesOf(data).map(({ labels, points }) => ({
    labels,
    times: points.map(([time]) => Math.round(time * 1000)),
    values: points.map(([, text]) => (data.resultType === "string" ? text : number(text))),
  }));
  if (target.format === "table") return series.length ? [tableFrame(series, target, several)] : [];
  const ordered =
    target.format === "heatmap"
      ? [...series].sort((a, b) => (number(a.labels.le) < number(b.labels.le) ? -1 : 1))
      : series;
  return ordered.map(({ labels, times, values }) => {
    const name = legendName(labels, target.legendFormat, target.expr);
    const plainLabels = { ...labels };
    delete plainLabels.__name__;
    const fields = [
      field("Time", "time", times, { config: { interval: stepMs } }),
      field("Value", "number", values, { labels: plainLabels, fixedName: name, metric: labels.__name__ ?? "" }),
    ];
    return { refId: target.refId, name, instant: data.resultType !== "matrix", fields };
  });
}

function tableFrame(series, target, several) {
  const names = [...new Set(series.flatMap(({ labels }) => Object.keys(labels)))].sort();
  const columns = { Time: [], ...Object.fromEntries(names.map((name) => [name, []])), value: [] };
  for (const { labels, times, values } of series) {
    times.forEach((time, index) => {
      columns.Time.push(time);
      for (const name of names) columns[name].push(labels[name] ?? null);
      columns.value.push(values[index]);
    });
  }
  const fields = [field("Time", "time", columns.Time), ...names.map((name) => field(name, "string", columns[name]))];
  fields.push(field(several ? `Value #${target.refId}` : "Value", "number", columns.value));
  return { refId: target.refId, name: target.refId, instant: true, table: true, fields };
}

export const rowCount = (frame) => frame.fields[0]?.values.length ?? 0;

/** Time series on one grid of times (milliseconds), null where a series has no point: {times, columns}. */
export function joinTimes(fieldsWithTimes, { from, to, stepMs }) {
  const all = new Set();
  for (const { times } of fieldsWithTimes) for (const time of times) all.add(time);
  const times = [...all].sort((a, b) => a - b);
  // A missing step shows as a gap, so put one empty point into every hole.
  if (stepMs > 0) {
    for (let i = times.length - 1; i > 0; i -= 1)
      if (times[i] - times[i - 1] > stepMs * 1.5) times.splice(i, 0, times[i - 1] + stepMs);
  }
  const inside = times.filter((time) => time >= from - stepMs && time <= to + stepMs);
  const place = new Map(inside.map((time, index) => [time, index]));
  const columns = fieldsWithTimes.map(({ times: own, values }) => {
    const column = new Array(inside.length).fill(null);
    own.forEach((time, index) => {
      const at = place.get(time);
      if (at !== undefined) column[at] = values[index];
    });
    return column;
  });
  return { times: inside, columns };
}
