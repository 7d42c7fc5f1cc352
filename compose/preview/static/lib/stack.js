// Stacking: each series of a group is raised by those below it.

/**
 * Stacked columns and, for each, the index of the column it rests on (-1: the axis).
 * @param {(number | null)[][]} columns
 * @param {{mode: "none" | "normal" | "percent", group: string}[]} stacking one per column
 */
export function stack(columns, stacking) {
  const totals = new Map();
  columns.forEach((column, index) => {
    const { mode, group } = stacking[index];
    if (mode !== "percent") return;
    const total = totals.get(group) ?? new Array(column.length).fill(0);
    column.forEach((value, at) => (total[at] += value ?? 0));
    totals.set(group, total);
  });
  const tops = new Map();
  const below = columns.map(() => -1);
  const stacked = columns.map((column, index) => {
    const { mode, group } = stacking[index];
    if (mode === "none") return column;
    const top = tops.get(group);
    below[index] = top?.index ?? -1;
    const sum = top?.sum ?? new Array(column.length).fill(0);
    const raised = column.map((value, at) => {
      const share =
        mode === "percent" ? (totals.get(group)[at] ? (value ?? 0) / totals.get(group)[at] : 0) : (value ?? 0);
      sum[at] += share;
      // A missing point adds nothing, yet must not break the area that others rest on.
      return value === null && below[index] === -1 ? null : sum[at];
    });
    tops.set(group, { index, sum });
    return raised;
  });
  return { stacked, below };
}
