// Field options: defaults, overrides with their matchers, and the name a field is shown under.

import { toRegex } from "./variables.js";
import { interpolate } from "./interpolate.js";

const MATCHERS = {
  byName: ({ display, field }, name) => display === name || field.name === name,
  byNames: ({ display, field }, options) => {
    const found = (options.names ?? []).includes(display) || (options.names ?? []).includes(field.name);
    return options.mode === "exclude" ? !found : found;
  },
  byRegexp: ({ display }, pattern) => matches(pattern, display),
  byFrameRefID: ({ frame }, refId) => frame.refId === refId,
  byType: ({ field }, type) => field.type === type,
};

function matches(pattern, text) {
  try {
    return toRegex(pattern).test(text);
  } catch {
    return false;
  }
}

export const knowsMatcher = (id) => id in MATCHERS;

/** Put a dotted option ("custom.width") into a copy of a field's config. */
function withProperty(config, id, value) {
  const [head, ...rest] = id.split(".");
  return { ...config, [head]: rest.length ? withProperty(config[head] ?? {}, rest.join("."), value) : value };
}

/** The frames with each field's `config` from the panel's fieldConfig, and `display` set to its name. */
export function applyFieldConfig(frames, fieldConfig = {}, scope = { variables: new Map() }) {
  const { defaults = {}, overrides = [] } = fieldConfig;
  const configured = frames.map((frame) => ({
    ...frame,
    fields: frame.fields.map((field) => ({ ...field, config: { ...defaults, ...field.config } })),
  }));
  nameFields(configured, scope);
  for (const frame of configured) {
    for (const field of frame.fields) {
      for (const { matcher, properties } of overrides) {
        if (!MATCHERS[matcher?.id]?.({ frame, field, display: field.display }, matcher.options)) continue;
        for (const { id, value } of properties ?? []) field.config = withProperty(field.config, id, value);
      }
    }
  }
  nameFields(configured, scope);
  return configured;
}

/** Set `display` of all fields. */
export function nameFields(frames, scope) {
  const series = frames.flatMap((frame) =>
    frame.fields.filter((field) => field.type !== "time" && Object.keys(field.labels).length),
  );
  const keys = new Set(series.flatMap((field) => Object.keys(field.labels)));
  for (const frame of frames) for (const field of frame.fields) field.display = nameOf(field, frame, keys, scope);
}

function nameOf(field, frame, labelKeys, scope) {
  const set = field.config.displayName;
  if (set) return interpolate(set, { ...scope, macros: { ...scope.macros, ...fieldMacros(field, frame) } });
  if (field.type === "time" || frame.table) return field.name;
  return seriesName(field, frame, labelKeys);
}

function seriesName(field, frame, labelKeys) {
  if (field.fixedName) return field.fixedName;
  const labels = Object.entries(field.labels);
  if (!labels.length) return field.metric || frame.name || field.name;
  if (labelKeys.size === 1) return labels[0][1];
  return `${field.metric ?? ""}{${labels.map(([key, value]) => `${key}="${value}"`).join(", ")}}`;
}

/** `__field.name`, `__field.labels.x` and `__series.name` for names and links. */
export function fieldMacros(field, frame) {
  const macros = { "__field.name": field.fixedName || field.name, "__series.name": frame?.name || field.name };
  macros["__field.displayName"] = field.display ?? macros["__field.name"];
  macros["__field.labels"] = Object.entries(field.labels)
    .map(([key, value]) => `${key}="${value}"`)
    .join(", ");
  for (const [key, value] of Object.entries(field.labels)) macros[`__field.labels.${key}`] = value;
  return macros;
}
