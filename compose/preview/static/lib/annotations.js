// Marks on the time axis from a Prometheus expression, such as ALERTS: each stretch of samples is one event.

/**
 * Events of a range query's answer.
 * @param {object[]} result matrix of Prometheus
 * @param {object} annotation as the dashboard stores it
 * @param {number} stepMs samples further apart than this belong to different events
 * @returns {{from: number, to: number, title: string, text: string, tags: string[], color: string, labels: object}[]}
 */
export function eventsOf(result, annotation, stepMs) {
  const { titleFormat, textFormat, tagKeys, useValueForTime, iconColor, name } = annotation;
  const events = [];
  for (const { metric, values } of result) {
    const fill = (template) => template.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? "");
    const keys = (tagKeys ?? "")
      .split(",")
      .map((key) => key.trim())
      .filter(Boolean);
    const common = {
      title: titleFormat ? fill(titleFormat) : name,
      text: textFormat ? fill(textFormat) : "",
      tags: keys.flatMap((key) => (metric[key] ? [metric[key]] : [])),
      color: iconColor ?? "red",
      labels: metric,
    };
    let open = null;
    for (const [seconds, value] of values) {
      const time =
        useValueForTime === true || useValueForTime === "on" ? Math.floor(Number(value)) : Math.round(seconds * 1000);
      if (!useValueForTime && !(Number(value) > 0)) open = null;
      else if (open && time - open.to <= stepMs * 1.5) open.to = time;
      else {
        open = { ...common, from: time, to: time };
        events.push(open);
      }
    }
  }
  return events.sort((a, b) => a.from - b.from);
}

/** The dashboard's annotations that Prometheus can answer; Grafana's built-in one and others are left out. */
export function prometheusAnnotations(dashboard) {
  return (dashboard.annotations?.list ?? []).filter(
    (annotation) => !annotation.builtIn && (annotation.expr || annotation.target?.expr),
  );
}
