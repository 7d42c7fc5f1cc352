// What the preview draws, and in words what a panel asks for beyond that. Nothing is drawn wrongly in silence.

import { knowsMatcher } from "./fields.js";
import { knowsReducer } from "./reduce.js";
import { knowsTransform } from "./transforms.js";
import { knowsUnit } from "./units.js";
import { schemeStops } from "./colors.js";

const PANEL_TYPES = ["row", "timeseries", "stat", "gauge", "bargauge", "table", "state-timeline", "heatmap", "text"];
const COLOR_MODES =
  /^(thresholds|fixed|shades|palette-classic|palette-classic-by-name|continuous-(GrYlRd|RdYlGr|BlYlRd|YlRd|BlPu|YlBl|blues|reds|greens|purples))$/;
const MAPPINGS = ["value", "range", "special", "regex"];
const FORMATS = ["", "time_series", "table", "heatmap"];
const CELLS = ["auto", "color-text", "color-background", "gauge"];
const CUSTOM = {
  drawStyle: ["line", "bars", "points"],
  lineInterpolation: ["linear", "smooth", "stepBefore", "stepAfter"],
  gradientMode: ["none", "opacity", "hue"],
  axisPlacement: ["auto", "left", "right", "hidden"],
};
// Options that change what is seen, with what they leave out when a panel switches them on.
const ON = [
  [(panel) => panel.libraryPanel, () => "library panels"],
  [(panel) => panel.fieldConfig?.defaults?.custom?.fillBelowTo, () => "fill below to"],
  [(panel) => panel.fieldConfig?.defaults?.custom?.scaleDistribution?.type === "symlog", () => "symlog axis"],
  [(panel) => panel.type === "heatmap" && panel.options?.calculate, () => "buckets calculated from values"],
  [(panel) => panel.type === "text" && panel.options?.mode === "html", () => "HTML text"],
  [(panel) => panel.options?.footer?.show, () => "table footer"],
];

function properties(panel) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const set = Object.entries(defaults).filter(([id]) => id !== "custom");
  const custom = Object.entries(defaults.custom ?? {}).map(([id, value]) => [`custom.${id}`, value]);
  return [
    ...set,
    ...custom,
    ...overrides.flatMap((override) => (override.properties ?? []).map(({ id, value }) => [id, value])),
  ];
}

function propertyProblem(id, value) {
  const custom = id.replace("custom.", "");
  if (id === "unit" && !knowsUnit(value)) return `unit "${value}"`;
  if (id === "color" && value?.mode && !COLOR_MODES.test(value.mode)) return `colour mode "${value.mode}"`;
  if (id === "mappings")
    return (value ?? []).filter(({ type }) => !MAPPINGS.includes(type)).map(({ type }) => `mapping "${type}"`)[0];
  if (id === "custom.cellOptions" && value?.type && !CELLS.includes(value.type)) return `table cell "${value.type}"`;
  if (id.startsWith("custom.") && CUSTOM[custom] && value && !CUSTOM[custom].includes(value))
    return `${custom} "${value}"`;
  return null;
}

function targetProblem(target, panel) {
  const type = target.datasource?.type ?? panel.datasource?.type;
  if (type && type !== "prometheus") return `query ${target.refId} (data source "${type}")`;
  return FORMATS.includes(target.format ?? "") ? null : `format "${target.format}"`;
}

/** Names of what this panel asks for and the preview does not draw, without repeats; [] when it is whole. */
export function unsupported(panel) {
  if (!PANEL_TYPES.includes(panel.type)) return [`panel type "${panel.type}"`];
  const reducers = [...(panel.options?.reduceOptions?.calcs ?? []), ...(panel.options?.legend?.calcs ?? [])];
  const scheme = panel.type === "heatmap" && panel.options?.color?.scheme;
  const found = [
    ...ON.filter(([asks]) => asks(panel)).map(([, name]) => name(panel)),
    ...properties(panel).map(([id, value]) => propertyProblem(id, value)),
    ...(panel.fieldConfig?.overrides ?? [])
      .filter(({ matcher }) => !knowsMatcher(matcher?.id))
      .map(({ matcher }) => `override matcher "${matcher?.id}"`),
    ...(panel.transformations ?? [])
      .filter(({ id, disabled }) => !disabled && !knowsTransform(id))
      .map(({ id }) => `transformation "${id}"`),
    ...(panel.targets ?? []).filter(({ hide }) => !hide).map((target) => targetProblem(target, panel)),
    ...reducers.filter((id) => !knowsReducer(id)).map((id) => `calculation "${id}"`),
    scheme && !schemeStops(scheme, "light") ? `colour scheme "${scheme}"` : null,
  ];
  return [...new Set(found.filter(Boolean))];
}

/** Whether Prometheus can answer this target. */
export function answerable(target, panel) {
  const type = target.datasource?.type ?? panel.datasource?.type;
  return !target.hide && Boolean(target.expr?.trim()) && (!type || type === "prometheus");
}
