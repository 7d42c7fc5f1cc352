// Heatmap cells out of Prometheus' answers: cumulative `le` buckets become counts of their own, other series become rows.

const edge = (text) => (text === "+Inf" || text === "Inf" ? Infinity : Number(text));

/** Whether all value fields carry a numeric `le`. */
export const areBuckets = (fields) =>
  fields.length > 0 && fields.every((field) => field.labels.le !== undefined && !Number.isNaN(edge(field.labels.le)));

/**
 * Rows from bottom to top.
 * @param {{labels: object, display: string}[]} fields
 * @param {(number | null)[][]} columns their values on one grid of times
 * @returns {{name: string, low: number | null, high: number | null, values: (number | null)[]}[]}
 */
export function rowsOf(fields, columns) {
  if (!areBuckets(fields))
    return fields.map((field, index) => ({ name: field.display, low: null, high: null, values: columns[index] }));
  const merged = new Map();
  fields.forEach((field, index) => {
    const high = edge(field.labels.le);
    const sum = merged.get(high);
    // Several series with the same bound (other labels left in) add up.
    merged.set(
      high,
      sum
        ? sum.map((value, at) =>
            value === null && columns[index][at] === null ? null : (value ?? 0) + (columns[index][at] ?? 0),
          )
        : columns[index],
    );
  });
  const bounds = [...merged.keys()].sort((a, b) => a - b);
  return bounds.map((high, index) => {
    const lower = index ? merged.get(bounds[index - 1]) : null;
    // Scrapes are no transactions: a lower bucket may be a little ahead of a higher one.
    const values = merged
      .get(high)
      .map((value, at) => (value === null ? null : Math.max(0, value - (lower?.[at] ?? 0))));
    return { name: high === Infinity ? "+Inf" : String(high), low: index ? bounds[index - 1] : null, high, values };
  });
}
