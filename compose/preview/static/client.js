// The way to the server: Prometheus' answers, and its errors in words.

import { metricText } from "./lib/frames.js";
import { toRegex } from "./lib/variables.js";

/** `kind` is Prometheus' errorType, or "unavailable" where it cannot be reached. */
export class QueryError extends Error {
  constructor(message, kind) {
    super(message);
    this.kind = kind;
  }
}

export async function json(path) {
  let response;
  try {
    response = await fetch(path);
  } catch {
    throw new QueryError("the preview's server does not answer", "unavailable");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new QueryError(body.message ?? `HTTP ${response.status}`, "http");
  return body;
}

const words = (error) =>
  error.replace(/^(invalid parameter "query": |\d+:\d+: parse error: )+/g, (prefix) =>
    prefix.includes("parse") ? "PromQL: " : "",
  );

export class Client {
  /** @param {typeof fetch} [fetcher] stands in for the network in tests */
  constructor(fetcher = (...args) => fetch(...args)) {
    this.fetcher = fetcher;
  }

  async ask(path, params, { signal, get = false } = {}) {
    const query = new URLSearchParams(params);
    const url = `/prometheus/api/v1/${path}`;
    let body;
    try {
      const response = await (get
        ? this.fetcher(`${url}?${query}`, { signal })
        : this.fetcher(url, { method: "POST", body: query, signal }));
      body = await response.json();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new QueryError("the preview's server does not answer", "unavailable");
    }
    if (body.status !== "success")
      throw new QueryError(words(body.error ?? body.message ?? "the query failed"), body.errorType ?? "unknown");
    return body.data;
  }

  instant(expr, ms, signal) {
    return this.ask("query", { query: expr, time: (ms / 1000).toFixed(3) }, { signal });
  }

  range(expr, { start, end, step }, signal) {
    return this.ask("query_range", { query: expr, start, end, step }, { signal });
  }

  /** The latest time, in milliseconds, before which nothing was scraped within `range`, to a sixtieth of it; null where nothing was. */
  async oldest({ from, to }) {
    const seconds = Math.ceil((to - from) / 1000);
    const step = Math.max(1, Math.ceil(seconds / 60));
    // What is younger than a step has no point among the steps.
    const expr = `min(min_over_time(timestamp(up)[${seconds}s:${step}s]) or timestamp(up))`;
    const { result } = await this.instant(expr, to);
    return result.length ? (Number(result[0].value[1]) - step) * 1000 : null;
  }

  exemplars(expr, { start, end }, signal) {
    return this.ask("query_exemplars", { query: expr, start, end }, { signal });
  }

  /** What a variable's query (see `parseQuery`) gives, as texts. */
  async variableValues(asked, range) {
    const time = { start: (range.from / 1000).toFixed(3), end: (range.to / 1000).toFixed(3) };
    const match = asked.metric ? { "match[]": asked.metric } : {};
    switch (asked.kind) {
      case "label_values":
        return this.ask(`label/${asked.label}/values`, { ...time, ...match }, { get: true });
      case "label_names":
        return this.ask("labels", { ...time, ...match });
      case "metrics": {
        const names = await this.ask("label/__name__/values", time, { get: true });
        const pattern = toRegex(asked.pattern.startsWith("/") ? asked.pattern : `/${asked.pattern}/`);
        return names.filter((name) => pattern.test(name));
      }
      case "query_result": {
        const data = await this.instant(asked.expr, range.to);
        if (data.resultType === "scalar" || data.resultType === "string") return [String(data.result[1])];
        return data.result.map(
          ({ metric, value }) => `${metricText(metric)} ${value[1]} ${Math.round(value[0] * 1000)}`,
        );
      }
      default:
        throw new QueryError("its query is none that is known here", "unknown");
    }
  }
}
