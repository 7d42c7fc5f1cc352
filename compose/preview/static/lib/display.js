// How one value is shown: mappings first, then unit and decimals; its colour from mapping, threshold, palette or a fixed choice.

import { continuousStops, blend, indexOfName, named, seriesColor } from "./colors.js";
import { format } from "./units.js";
import { reduce } from "./reduce.js";
import { toRegex } from "./variables.js";

const SPECIAL = {
  null: (value) => value === null || value === undefined,
  nan: (value) => Number.isNaN(value),
  "null+nan": (value) => value === null || value === undefined || Number.isNaN(value),
  true: (value) => value === true,
  false: (value) => value === false,
  empty: (value) => value === "",
};

/** The {text, color, index} of the first mapping that fits; null for none. */
export function mapped(value, mappings = []) {
  for (const { type, options } of mappings) {
    if (type === "value") {
      const hit = value === null || value === undefined ? options.null : options[String(value)];
      if (hit) return hit;
    } else if (type === "range" && typeof value === "number") {
      if (value >= (options.from ?? -Infinity) && value <= (options.to ?? Infinity)) return options.result;
    } else if (type === "special" && SPECIAL[options.match]?.(value)) {
      return options.result;
    } else if (
      type === "regex" &&
      value !== null &&
      value !== undefined &&
      toRegex(options.pattern)?.test(String(value))
    ) {
      const text = options.result?.text;
      return { ...options.result, text: text && String(value).replace(toRegex(options.pattern), text) };
    }
  }
  return null;
}

/** Steps with absolute values in rising order, the base step as -Infinity. Percent steps need min and max. */
export function thresholdSteps(config, range = {}) {
  const { mode, steps = [] } = config.thresholds ?? {};
  const min = config.min ?? range.min ?? 0;
  const max = config.max ?? range.max ?? 100;
  const value = (step) =>
    step.value === null || step.value === undefined
      ? -Infinity
      : mode === "percentage"
        ? min + ((max - min) * step.value) / 100
        : Number(step.value);
  return steps.map((step) => ({ value: value(step), color: step.color })).sort((a, b) => a.value - b.value);
}

/** The step that `value` has reached. */
export function activeStep(value, steps) {
  let active = steps[0];
  for (const step of steps) if (typeof value === "number" && value >= step.value) active = step;
  return active;
}

/** Least and greatest value of some fields, for what has no min or max of its own. */
export function valueRange(fields) {
  const values = fields
    .flatMap((field) => [reduce(field.values, "min"), reduce(field.values, "max")])
    .filter((value) => value !== null);
  return values.length ? { min: Math.min(...values), max: Math.max(...values) } : {};
}

/** The colour of a whole series: what lines, legends and names use. */
export function seriesColorOf(field, index, theme) {
  const { mode, fixedColor, seriesBy } = field.config.color ?? {};
  if (mode === "fixed") return named(fixedColor, theme);
  if (mode === "shades")
    return blend([named(`light-${fixedColor}`, theme), named(`dark-${fixedColor}`, theme)], (index % 5) / 4);
  if (mode === "thresholds" || mode?.startsWith("continuous-")) {
    const value = reduce(field.values, seriesBy === "min" || seriesBy === "max" ? seriesBy : "lastNotNull");
    return valueColor(value, field.config, theme, valueRange([field]));
  }
  return seriesColor(mode === "palette-classic-by-name" ? indexOfName(field.display ?? field.name) : index, theme);
}

/** The colour of one value by thresholds, a continuous scale or a fixed choice; mappings are not looked at. */
export function valueColor(value, config, theme, range = {}) {
  const { mode, fixedColor } = config.color ?? {};
  if (mode === "fixed") return named(fixedColor, theme);
  const stops = mode ? continuousStops(mode, theme) : null;
  if (stops) {
    const min = config.min ?? range.min ?? 0;
    const max = config.max ?? range.max ?? 1;
    return blend(stops, max > min ? (value - min) / (max - min) : 0);
  }
  const steps = thresholdSteps(config, range);
  return named(steps.length ? activeStep(value, steps).color : "green", theme);
}

/**
 * A function from a value to {prefix, text, suffix, color, mapped, numeric}.
 * @param {object} field with `config`
 * @param {{theme: "light" | "dark", index?: number, range?: object}} options `index` is its place among the panel's series
 */
export function processor(field, { theme, index = 0, range = {} }) {
  const { config } = field;
  const mode = config.color?.mode ?? "thresholds";
  const byValue = mode === "thresholds" || mode.startsWith("continuous-");
  const own = byValue ? null : seriesColorOf(field, index, theme);
  return (value) => {
    const hit = mapped(value, config.mappings);
    const numeric = typeof value === "number" ? value : null;
    const color = hit?.color ? named(hit.color, theme) : byValue ? valueColor(numeric, config, theme, range) : own;
    if (hit?.text) return { prefix: "", text: hit.text, suffix: "", color, numeric, mapped: true };
    if (value === null || value === undefined || value === "") {
      return {
        prefix: "",
        text: config.noValue ?? "",
        suffix: "",
        color,
        numeric: null,
        mapped: Boolean(hit),
        empty: true,
      };
    }
    const isText = typeof value !== "number";
    const shown = isText
      ? { prefix: "", text: String(value), suffix: "" }
      : format(value, timeUnit(field) ?? config.unit, config.decimals);
    return { ...shown, color, numeric, mapped: Boolean(hit) };
  };
}

const timeUnit = (field) => (field.type === "time" ? (field.config.unit ?? "dateTimeAsIso") : null);
