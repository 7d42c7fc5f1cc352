// $var, ${var}, ${var:format}, ${var.path} and [[var]] in queries, titles and links.

const REFERENCE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}/g;

const list = (value) => (Array.isArray(value) ? value : [value]);
const escapeRegex = (text) => text.replace(/[/\-\\^$*+?.()|[\]{}]/g, "\\$&");

/** Escaped twice: once for the regular expression, once for the PromQL string that it stands in. */
function escapeForPromRegex(text) {
  return text
    .replace(/\\/g, "\\\\\\\\")
    .replace(/[$^*{}[\]'+?.()|]/g, "\\\\$&")
    .replace(/"/g, '\\"');
}

/** A multi-value or "All" variable inside PromQL; a single-value one is only escaped for the string. */
export function promValue(value, variable) {
  if (!variable?.multi && !variable?.includeAll)
    return list(value).join(",").replace(/\\/g, "\\\\").replace(/"/g, '\\"');
  const escaped = list(value).map((text) => escapeForPromRegex(String(text)));
  return escaped.length === 1 ? escaped[0] : `(${escaped.join("|")})`;
}

const FORMATS = {
  raw: (value) => list(value).join(","),
  csv: (value) => list(value).join(","),
  pipe: (value) => list(value).join("|"),
  regex: (value) =>
    list(value).length === 1 ? escapeRegex(list(value)[0]) : `(${list(value).map(escapeRegex).join("|")})`,
  glob: (value) => (list(value).length === 1 ? list(value)[0] : `{${list(value).join(",")}}`),
  json: (value) => JSON.stringify(value),
  doublequote: (value) =>
    list(value)
      .map((text) => `"${text.replace(/"/g, '\\"')}"`)
      .join(","),
  singlequote: (value) =>
    list(value)
      .map((text) => `'${text.replace(/'/g, "\\'")}'`)
      .join(","),
  percentencode: (value) => encodeURIComponent(list(value).join(",")),
  uriencode: (value) => encodeURI(list(value).join(",")),
  lucene: (value) => list(value).join(" OR "),
  distributed: (value) => list(value).join(","),
};

/**
 * Replace references by values; a name that is not known is left as it stands.
 * @param {string} text
 * @param {{variables: Map<string, object>, macros?: Record<string, string>, encode?: Function}} scope variables as
 *   `variables.js` makes them; `encode` writes a macro's value that has no format
 * @param {(value: string | string[], variable: object) => string} [fallback] how a value without a format is written
 */
export function interpolate(text, scope, fallback = (value) => FORMATS.glob(value)) {
  if (typeof text !== "string" || !/[$[]/.test(text)) return text ?? "";
  return text.replace(REFERENCE, (match, plain, bracket, bracketFormat, braced, path, bracedFormat) => {
    const name = plain ?? bracket ?? braced;
    const macro = scope.macros?.[path ? `${name}.${path}` : name];
    if (macro !== undefined && macro !== null) return macroValue(name, String(macro), bracedFormat, scope.encode);
    const variable = scope.variables.get(name);
    if (!variable) return match;
    const format = bracketFormat ?? bracedFormat;
    if (format === "queryparam") return queryParam(name, variable);
    if (format === "text") return variable.text;
    // The spec's allValue is an expression of its own and is never escaped.
    if (variable.all && variable.allValue && (!format || format === "regex")) return variable.allValue;
    return format ? (FORMATS[format] ?? FORMATS.glob)(variable.value) : fallback(variable.value, variable);
  });
}

function macroValue(name, value, format, encode) {
  if (format === "percentencode") return encodeURIComponent(value);
  if (format === "date:seconds") return String(Math.floor(Number(value) / 1000));
  if (format?.startsWith("date")) return new Date(Number(value)).toISOString();
  return !format && encode ? encode(value, name) : value;
}

/** var-name=value pairs, as Grafana puts them into addresses. */
export function queryParam(name, variable) {
  const values = variable.all ? ["$__all"] : list(variable.value);
  return values.map((value) => `var-${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
}
