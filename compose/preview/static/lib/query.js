// A panel's queries: variables and macros filled in, asked, made into frames, transformed, with field options applied.

import { exemplarsOf } from "./exemplars.js";
import { applyFieldConfig } from "./fields.js";
import { toFrames } from "./frames.js";
import { align, stepFor } from "./interval.js";
import { interpolate, promValue } from "./interpolate.js";
import { answerable } from "./support.js";
import { parseDuration } from "./timerange.js";
import { transform } from "./transforms.js";

/** The panel's own range where it has timeFrom or timeShift, else the dashboard's. */
export function panelRange(panel, range) {
  const span = parseDuration(panel.timeFrom);
  const shift = parseDuration(panel.timeShift) ?? 0;
  return { from: (span ? range.to - span : range.from) - shift, to: range.to - shift };
}

/** Exemplars are an extra: a Prometheus that keeps none, or refuses, costs the panel nothing. */
async function loadExemplars(asked, { client, range, signal }) {
  const wanted = asked.filter(({ target, instant }) => target.exemplar && !instant);
  const lists = await Promise.all(
    wanted.map(({ expr, stepMs }) => client.exemplars(expr, align(range, stepMs), signal).catch(() => [])),
  );
  return lists.flatMap((list) => exemplarsOf(list, range));
}

/**
 * @param {object} panel
 * @param {{client: object, variables: Map, range: {from: number, to: number}, width: number, scrape: string, signal?: AbortSignal}} context
 * @returns {Promise<{frames: object[], errors: Error[], queries: object[], exemplars: object[], range: object, stepMs: number, scope: object}>}
 *   `errors` are of queries that failed while others went well; where all fail it rejects with the first.
 */
export async function runPanel(panel, { client, variables, range: boardRange, width, scrape, signal }) {
  const range = panelRange(panel, boardRange);
  const targets = (panel.targets ?? []).filter((target) => answerable(target, panel));
  const several = targets.filter((target) => target.format === "table").length > 1;
  const asked = targets.map((target) => {
    const { stepMs, macros } = stepFor({
      range,
      scrape,
      points: panel.maxDataPoints || width,
      panelInterval: interpolate(panel.interval ?? "", { variables }),
      targetInterval: interpolate(target.interval ?? "", { variables }),
      factor: target.intervalFactor,
    });
    const scope = { variables, macros };
    const expr = interpolate(target.expr, scope, promValue);
    return {
      target,
      stepMs,
      scope,
      expr,
      instant: Boolean(target.instant) && !target.range,
      legend: interpolate(target.legendFormat ?? "", scope),
    };
  });
  const answers = await Promise.allSettled(
    asked.map(({ expr, instant, stepMs }) =>
      instant ? client.instant(expr, range.to, signal) : client.range(expr, align(range, stepMs), signal),
    ),
  );
  const errors = answers.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
  if (errors.length && errors.length === answers.length) throw errors[0];
  const raw = answers.flatMap(({ status, value }, index) => {
    const { target, expr, legend, stepMs } = asked[index];
    return status === "fulfilled" ? toFrames(value, { ...target, expr, legendFormat: legend }, stepMs, several) : [];
  });
  const exemplars = await loadExemplars(asked, { client, range, signal });
  const stepMs = Math.max(0, ...asked.map((one) => one.stepMs));
  const scope = asked[0]?.scope ?? { variables, macros: {} };
  const frames = applyFieldConfig(transform(raw, panel.transformations), panel.fieldConfig, scope);
  const queries = asked.map(({ target, expr, instant, stepMs: step }, index) => ({
    refId: target.refId,
    expr,
    instant,
    stepMs: step,
    series: answers[index].value?.result?.length ?? 0,
    error: answers[index].reason?.message,
  }));
  return { frames, errors, queries, exemplars, range, stepMs, scope };
}
