// Template variables: what their queries ask for, which options come of it and which of these are selected.

import { interpolate, promValue } from "./interpolate.js";
import { formatDuration, parseDuration } from "./timerange.js";
import { roundInterval } from "./interval.js";

export const ALL = "$__all";

/** The text of a variable's query, in either of the forms that Grafana stores. */
const queryText = (definition) => String(definition.query?.query ?? definition.query ?? definition.definition ?? "");

/** What a Prometheus variable query asks for; {kind: "unknown"} where it is none of Grafana's functions. */
export function parseQuery(text) {
  const source = text.trim();
  let match = /^label_names\(\s*(.*?)\s*\)$/s.exec(source);
  if (match) return { kind: "label_names", metric: match[1] };
  match = /^label_values\(\s*(?:(.+?)\s*,\s*)?([a-zA-Z_$[{][\w$\]}{:]*)\s*\)$/s.exec(source);
  if (match) return { kind: "label_values", metric: match[1] ?? "", label: match[2] };
  match = /^metrics\(\s*(.*?)\s*\)$/s.exec(source);
  if (match) return { kind: "metrics", pattern: match[1] };
  match = /^query_result\(\s*(.+?)\s*\)$/s.exec(source);
  if (match) return { kind: "query_result", expr: match[1] };
  return { kind: "unknown" };
}

/** "/pattern/flags" or a bare pattern; null for none. Throws SyntaxError for one that cannot be read. */
export function toRegex(source, flags = "") {
  if (!source) return null;
  const match = /^\/(.*)\/([gimsuy]*)$/s.exec(source);
  return match ? new RegExp(match[1], match[2]) : new RegExp(`^(?:${source})$`, flags);
}

/** Values through a variable's `regex`: non-matching ones go, a group picks a part, groups named text and value pick both. */
export function applyRegex(values, regex) {
  const pattern = toRegex(regex);
  const seen = new Map();
  for (const value of values) {
    const text = String(value);
    if (!pattern) {
      seen.set(text, text);
      continue;
    }
    for (const match of text.matchAll(new RegExp(pattern.source, [...new Set(`${pattern.flags}g`)].join("")))) {
      const picked = match.groups?.value ?? match.groups?.text ?? match[1] ?? match[0];
      if (!seen.has(picked)) seen.set(picked, match.groups?.text ?? picked);
    }
  }
  return [...seen].map(([value, text]) => ({ value, text }));
}

export function sortOptions(options, order) {
  const number = (text) => Number(/-?\d+(\.\d+)?/.exec(text)?.[0] ?? Number.NEGATIVE_INFINITY);
  const compare = {
    1: (a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0),
    3: (a, b) => number(a.text) - number(b.text),
    5: (a, b) => a.text.toLowerCase().localeCompare(b.text.toLowerCase()),
    7: (a, b) => a.text.localeCompare(b.text, undefined, { numeric: true }),
  };
  const base = compare[order % 2 === 1 ? order : order - 1];
  if (!base) return options;
  const sorted = [...options].sort(base);
  return order % 2 === 0 ? sorted.reverse() : sorted;
}

/** "a, b\,c, label : value" as options. */
export function customOptions(text) {
  const items = text.match(/(?:\\,|[^,])+/g) ?? [];
  return items.map((item) => {
    const clean = item.replace(/\\,/g, ",").trim();
    const pair = /^(.+)\s:\s(.+)$/s.exec(clean);
    return pair ? { text: pair[1].trim(), value: pair[2].trim() } : { text: clean, value: clean };
  });
}

/**
 * The selected values. What the address says wins, even if it is no option (a link must not silently show another model);
 * then what was selected before, if it is still there; then the dashboard's own choice; then the first option.
 */
export function select(definition, options, { url, before } = {}) {
  const known = new Set(options.map((option) => option.value));
  const usable = (values) => {
    const found = values.filter((value) => known.has(value) || (value === ALL && definition.includeAll));
    return definition.multi ? found : found.slice(0, 1);
  };
  if (url?.length) {
    const values = url.map((value) => (value === "All" && definition.includeAll && !known.has("All") ? ALL : value));
    return definition.multi ? (values.includes(ALL) ? [ALL] : values) : values.slice(0, 1);
  }
  const current = [definition.current?.value ?? []].flat().map(String);
  for (const wanted of [before ?? [], current]) {
    const values = usable(wanted);
    if (values.length) return values.includes(ALL) ? [ALL] : values;
  }
  if (options.length) return [options[0].value];
  return definition.includeAll ? [ALL] : [];
}

/** A variable as `interpolate` reads it. */
export function makeVariable(definition, options, selected) {
  const all = selected.includes(ALL);
  const values = all ? options.map((option) => option.value) : selected;
  const textOf = (value) => options.find((option) => option.value === value)?.text ?? value;
  return {
    name: definition.name,
    definition,
    options,
    selected,
    all,
    multi: Boolean(definition.multi),
    includeAll: Boolean(definition.includeAll),
    allValue: definition.allValue || "",
    value: definition.multi || all ? values : (values[0] ?? ""),
    text: all ? "All" : selected.map(textOf).join(" + "),
  };
}

function intervalOptions(definition, range) {
  const options = customOptions(queryText(definition));
  if (!definition.auto) return options;
  const least = parseDuration(definition.auto_min) ?? 10000;
  const auto = Math.max(roundInterval((range.to - range.from) / (definition.auto_count || 30)), least);
  return [{ text: "auto", value: formatDuration(auto) }, ...options];
}

/** Options of one variable; `client` asks Prometheus, `scope` holds the variables before it. */
async function loadOptions(definition, { client, scope, range }) {
  const query = queryText(definition);
  const single = (text) => [{ text, value: text }];
  switch (definition.type) {
    case "custom":
      return customOptions(query);
    case "interval":
      return intervalOptions(definition, range);
    case "constant":
    case "textbox":
      return single(query);
    case "datasource":
      return single(String([definition.current?.value ?? "prometheus"].flat()[0] || "prometheus"));
    case "query": {
      const asked = parseQuery(interpolate(query, scope, promValue));
      const values = await client.variableValues(asked, range);
      return sortOptions(applyRegex(values, interpolate(definition.regex ?? "", scope)), definition.sort ?? 0);
    }
    default:
      throw new Error(`variables of type "${definition.type}" are not known here`);
  }
}

/**
 * All variables in the dashboard's order, each seeing those before it.
 * @param {{url: URLSearchParams, before?: Map, client: object, range: object}} context
 * @returns {Promise<{variables: Map, problems: string[]}>}
 */
export async function loadVariables(definitions, { url, before, client, range }) {
  const variables = new Map();
  const problems = [];
  for (const definition of definitions) {
    const asked = url.getAll(`var-${definition.name}`);
    let options = [];
    try {
      options = await loadOptions(definition, { client, scope: { variables }, range });
    } catch (error) {
      if (error.kind === "unavailable") throw error;
      problems.push(`Variable ${definition.name}: ${error.message}`);
    }
    if (definition.type === "textbox" && asked.length) options = [{ text: asked[0], value: asked[0] }];
    const selected = select(definition, options, {
      url: definition.type === "constant" ? [] : asked,
      before: before?.get(definition.name)?.selected,
    });
    variables.set(definition.name, makeVariable(definition, options, selected));
  }
  return { variables, problems };
}
