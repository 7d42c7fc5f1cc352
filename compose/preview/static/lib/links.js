// Data links, panel links and dashboard links as addresses that work here and in Grafana.

import { fieldMacros } from "./fields.js";
import { interpolate, queryParam } from "./interpolate.js";

const BARE = new Set(["__url_time_range", "__all_variables"]);

/** An address that may be followed: a path of this site or http(s). Anything else, javascript: above all, is null. */
export function safeUrl(url, origin = "http://localhost") {
  try {
    const parsed = new URL(url, origin);
    return parsed.protocol === "http:" || parsed.protocol === "https:" ? url : null;
  } catch {
    return null;
  }
}

const OWN = /^\/(d|runbooks)(\/|$)/;

/** An address made for this machine's Grafana or preview as a path, so that it works at whatever port this page came from. */
export function own(url) {
  const safe = safeUrl(url);
  if (!safe) return null;
  const { hostname, pathname, search, hash } = new URL(safe, "http://localhost");
  return ["localhost", "127.0.0.1", "[::1]"].includes(hostname) && OWN.test(pathname) ? pathname + search + hash : safe;
}

const timeQuery = (range) => `from=${encodeURIComponent(range.from)}&to=${encodeURIComponent(range.to)}`;

/** All variables that are not the data source, as Grafana's ${__all_variables}. */
function variablesQuery(variables) {
  return [...variables.values()]
    .map((variable) => queryParam(variable.name, variable))
    .filter(Boolean)
    .join("&");
}

/** Macros of one value in a frame: `__value.*` and `__data.fields.*` of its row. */
export function rowMacros(frame, field, row, shown) {
  const macros = {
    ...fieldMacros(field, frame),
    "__value.raw": String(field.values[row] ?? ""),
    "__value.text": shown ?? "",
  };
  macros["__value.numeric"] = macros["__value.raw"];
  const time = frame.fields.find((other) => other.type === "time");
  if (time) macros["__value.time"] = String(time.values[row] ?? "");
  frame.fields.forEach((other, index) => {
    const value = String(other.values[row] ?? "");
    for (const name of [`["${other.display}"]`, `['${other.display}']`, `[${index}]`])
      macros[`__data.fields${name}`] = value;
    macros[`__data.fields.${other.display}`] = value;
    macros[`__data.fields.${other.name}`] ??= value;
  });
  return macros;
}

/**
 * Links ready to follow: [{title, url, blank}]. Values are percent-encoded unless they are a whole query or stand at the start.
 * @param {object[]} links as Grafana stores them
 * @param {{variables: Map, urlRange: {from: string, to: string}, macros?: object}} context
 */
export function resolveLinks(links = [], { variables, urlRange, macros = {} }) {
  const known = { __url_time_range: timeQuery(urlRange), __all_variables: variablesQuery(variables), ...macros };
  return links.flatMap(({ url: template = "", title = "", targetBlank }) => {
    const encode = (value, name) =>
      BARE.has(name) || template.startsWith(`\${${name}`) ? value : encodeURIComponent(value);
    const scope = { variables, macros: known, encode };
    const url = own(interpolate(template, scope, (value) => encodeURIComponent([value].flat().join(","))));
    return url
      ? [{ title: interpolate(title, { variables, macros: known }) || url, url, blank: Boolean(targetBlank) }]
      : [];
  });
}

/** The boards a "dashboards" link lists: those with all its tags, but for the one that is open. */
export function linkedBoards(link, boards, uid) {
  const tags = link.tags ?? [];
  return boards.filter((board) => board.uid !== uid && tags.every((tag) => board.tags.includes(tag)));
}

/** The address of a dashboard link, with time and variables where it says so. */
export function dashboardUrl(base, link, { variables, urlRange }) {
  const parts = [];
  if (link.keepTime) parts.push(timeQuery(urlRange));
  if (link.includeVars) parts.push(variablesQuery(variables));
  const query = parts.filter(Boolean).join("&");
  const [path, hash] = base.split("#");
  const url = query ? `${path}${path.includes("?") ? "&" : "?"}${query}` : path;
  return hash ? `${url}#${hash}` : url;
}

const PLAIN_TIME = /^(now(-\d+[smhdw])?|\d+)$/;

/** The list of traces of one model, where one is chosen, in a board's time, where that page can read it. */
export function tracesUrl(base, models, { from, to }) {
  const query = new URLSearchParams();
  if (models.length === 1 && !models[0].startsWith("$")) query.set("model", models[0]);
  if (PLAIN_TIME.test(from) && PLAIN_TIME.test(to)) {
    query.set("from", from);
    query.set("to", to);
  }
  return query.size ? `${base}?${query}` : base;
}
