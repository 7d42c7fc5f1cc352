// The transformations of Grafana that work on frames before field options are applied.

import { field, rowCount } from "./frames.js";
import { nameFields } from "./fields.js";
import { reduce, reducerName } from "./reduce.js";
import { toRegex } from "./variables.js";

const SCOPE = { variables: new Map() };

function withValues(frame, rows) {
  return { ...frame, fields: frame.fields.map((f) => ({ ...f, values: rows.map((row) => f.values[row]) })) };
}

function organize(frames, { excludeByName = {}, includeByName = {}, indexByName = {}, renameByName = {} }) {
  const only = Object.keys(includeByName).filter((name) => includeByName[name]);
  return frames.map((frame) => {
    const kept = frame.fields.filter((f) => !excludeByName[f.display] && (!only.length || only.includes(f.display)));
    const place = (f) => indexByName[f.display] ?? Number.MAX_SAFE_INTEGER;
    const ordered = kept.map((f, index) => [f, index]).sort(([a, i], [b, j]) => place(a) - place(b) || i - j);
    const renamed = ordered.map(([f]) => {
      const name = renameByName[f.display];
      return name ? { ...f, config: { ...f.config, displayName: name } } : f;
    });
    return { ...frame, fields: renamed };
  });
}

/** Rows with equal values in the fields that all frames share become one row, unless other values contradict. */
function merge(frames) {
  const filled = frames.filter((frame) => frame.fields.length);
  if (filled.length < 2) return filled;
  const columns = new Map();
  for (const frame of filled) for (const f of frame.fields) if (!columns.has(f.name)) columns.set(f.name, f);
  const keys = [...columns.keys()].filter((name) => filled.every((frame) => frame.fields.some((f) => f.name === name)));
  if (!keys.length) return filled;
  const rows = [];
  const byKey = new Map();
  for (const frame of filled) {
    for (let i = 0; i < rowCount(frame); i += 1) {
      const row = Object.fromEntries(frame.fields.map((f) => [f.name, f.values[i]]));
      const key = JSON.stringify(keys.map((name) => row[name]));
      const same = byKey.get(key) ?? [];
      const partner = same.find((other) =>
        Object.keys(row).every((name) => !(name in other) || other[name] === row[name]),
      );
      if (partner) Object.assign(partner, row);
      else {
        rows.push(row);
        byKey.set(key, [...same, row]);
      }
    }
  }
  const fields = [...columns].map(([name, f]) => ({
    ...f,
    fixedName: undefined,
    labels: {},
    values: rows.map((row) => row[name] ?? null),
  }));
  return [{ ...filled[0], refId: filled.map((frame) => frame.refId).join("-"), table: true, fields }];
}

function labelsToFields(frames, { mode = "columns", keepLabels, valueLabel }) {
  const wanted = (labels) =>
    Object.entries(labels).filter(([name]) => !keepLabels?.length || keepLabels.includes(name));
  if (mode === "rows") {
    const labelled = frames.flatMap((frame) => frame.fields.filter((f) => Object.keys(f.labels).length));
    return labelled.map((f) => {
      const pairs = wanted(f.labels);
      return {
        name: f.display,
        table: true,
        fields: [
          field(
            "label",
            "string",
            pairs.map(([name]) => name),
          ),
          field(
            "value",
            "string",
            pairs.map(([, value]) => value),
          ),
        ],
      };
    });
  }
  return frames.map((frame) => {
    const labels = new Map();
    const fields = frame.fields.map((f) => {
      const out = { ...f, labels: {}, fixedName: undefined };
      for (const [name, value] of wanted(f.labels)) {
        if (name === valueLabel) out.name = value;
        else labels.set(name, value);
      }
      return out;
    });
    const count = rowCount(frame);
    const added = [...labels].map(([name, value]) => field(name, "string", new Array(count).fill(value)));
    return { ...frame, table: true, fields: [...fields, ...added] };
  });
}

function sortBy(frames, { sort = [] }) {
  const [rule] = sort;
  if (!rule?.field) return frames;
  return frames.map((frame) => {
    const by = frame.fields.find((f) => f.display === rule.field || f.name === rule.field);
    return by ? withValues(frame, sortedRows(by.values, rule.desc)) : frame;
  });
}

/** Row numbers in the order of `values`; empty values come last either way. */
export function sortedRows(values, descending = false) {
  const sign = descending ? -1 : 1;
  const empty = (value) => value === null || value === undefined || value === "";
  return values
    .map((_, index) => index)
    .sort((i, j) => {
      const [a, b] = [values[i], values[j]];
      if (empty(a) || empty(b)) return empty(a) - empty(b);
      if (typeof a === "number" && typeof b === "number") return sign * (a - b);
      return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
    });
}

function filterFieldsByName(frames, { include, exclude }) {
  const hit = (rule, name) =>
    (rule?.names ?? []).includes(name) || Boolean(rule?.pattern && toRegex(rule.pattern).test(name));
  const has = (rule) => Boolean(rule?.names?.length || rule?.pattern);
  const keep = (f) => (!has(include) || hit(include, f.display)) && !(has(exclude) && hit(exclude, f.display));
  return frames
    .map((frame) => ({ ...frame, fields: frame.fields.filter(keep) }))
    .filter((frame) => frame.fields.length);
}

function renameByRegex(frames, { regex, renamePattern }) {
  const pattern = toRegex(regex);
  const rename = (f) =>
    pattern?.test(f.display)
      ? { ...f, config: { ...f.config, displayName: f.display.replace(pattern, renamePattern) } }
      : f;
  return frames.map((frame) => ({ ...frame, fields: frame.fields.map(rename) }));
}

function limit(frames, { limitField = 10 }) {
  const count = Number(limitField);
  return frames.map((frame) => withValues(frame, [...Array(Math.min(count, rowCount(frame))).keys()]));
}

function joinByField(frames, { byField, mode = "outer" }) {
  const keyed = frames.map((frame) => ({
    frame,
    key: frame.fields.find((f) => (byField ? f.display === byField || f.name === byField : f.type === "time")),
  }));
  const joined = keyed.filter(({ key }) => key);
  if (joined.length < 2) return frames;
  const all = [...new Set(joined.flatMap(({ key }) => key.values))];
  const values = mode === "inner" ? all.filter((value) => joined.every(({ key }) => key.values.includes(value))) : all;
  if (joined[0].key.type === "time") values.sort((a, b) => a - b);
  const fields = [{ ...joined[0].key, values }];
  for (const { frame, key } of joined) {
    const rows = values.map((value) => key.values.indexOf(value));
    for (const f of frame.fields) {
      if (f !== key)
        fields.push({
          ...f,
          fixedName: f.fixedName || undefined,
          values: rows.map((row) => (row < 0 ? null : f.values[row])),
        });
    }
  }
  return [{ ...joined[0].frame, table: true, fields }];
}

function reduceFrames(
  frames,
  { reducers = [], mode = "seriesToRows", includeTimeField = false, labelsToFields: spread = false },
) {
  const usable = (f) => includeTimeField || f.type !== "time";
  if (mode === "reduceFields") {
    return frames.map((frame) => {
      const fields = frame.fields
        .filter(usable)
        .flatMap((f) => reducers.map((id) => ({ ...f, values: [reduce(f.values, id)] })));
      return { ...frame, table: true, fields };
    });
  }
  const all = frames.flatMap((frame) => frame.fields.filter(usable));
  const labels = spread ? [...new Set(all.flatMap((f) => Object.keys(f.labels)))] : [];
  const fields = [
    field(
      "Field",
      "string",
      all.map((f) => f.display),
    ),
  ];
  for (const name of labels)
    fields.push(
      field(
        name,
        "string",
        all.map((f) => f.labels[name] ?? null),
      ),
    );
  for (const id of reducers)
    fields.push(
      field(
        reducerName(id),
        "number",
        all.map((f) => reduce(f.values, id)),
      ),
    );
  return [{ name: "", refId: "", table: true, fields }];
}

const TRANSFORMS = {
  organize,
  merge,
  labelsToFields,
  sortBy,
  filterFieldsByName,
  renameByRegex,
  limit,
  joinByField,
  seriesToColumns: joinByField,
  reduce: reduceFrames,
};

export const knowsTransform = (id) => id in TRANSFORMS;

/** The frames after all transformations that are switched on; unknown ones are passed over (and named on the panel). */
export function transform(frames, transformations = []) {
  let current = frames;
  for (const { id, disabled, options } of transformations) {
    if (disabled || !knowsTransform(id)) continue;
    nameFields(current, SCOPE);
    current = TRANSFORMS[id](current, options ?? {});
  }
  return current;
}
