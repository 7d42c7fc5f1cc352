// Exemplars: single observations with the trace they came from.

const MOST = 60;
const IDS = ["trace_id", "traceID", "traceId"];

/**
 * Exemplars of an answer of query_exemplars, thinned out evenly over time: of those close together the largest stays.
 * @param {{seriesLabels: object, exemplars: {labels: object, value: string, timestamp: number}[]}[]} data
 * @param {{from: number, to: number}} range milliseconds
 * @returns {{time: number, value: number, labels: object, trace: string | null}[]}
 */
export function exemplarsOf(data, { from, to }) {
  const slot = Math.max(1, (to - from) / MOST);
  const kept = new Map();
  for (const { seriesLabels, exemplars } of data) {
    for (const { labels, value, timestamp } of exemplars) {
      const one = {
        time: Math.round(timestamp * 1000),
        value: Number(value),
        labels: { ...seriesLabels, ...labels },
        trace: traceOf(labels),
      };
      const at = Math.floor((one.time - from) / slot);
      if (!(kept.get(at)?.value >= one.value)) kept.set(at, one);
    }
  }
  return [...kept.values()].sort((a, b) => a.time - b.time);
}

function traceOf(labels) {
  return IDS.map((name) => labels[name]).find(Boolean) ?? null;
}
