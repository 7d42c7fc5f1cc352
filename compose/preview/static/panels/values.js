// Single values out of frames, for stat, gauge and bar gauge.

import { processor, valueRange } from "../lib/display.js";
import { resolveLinks, rowMacros } from "../lib/links.js";
import { reduce, UNITLESS } from "../lib/reduce.js";
import { toRegex } from "../lib/variables.js";
import { anchor, h } from "../ui/dom.js";

const MAX_VALUES = 60;

function wanted(field, fields) {
  if (!fields) return field.type === "number";
  return field.type !== "time" && Boolean(toRegex(fields)?.test(field.display));
}

/**
 * @returns {{name: string, shown: object, field: object, frame: object, times?: number[], links: object[], range: object}[]}
 *   one for each field, or for each row where reduceOptions.values is set
 */
export function valuesOf({ frames }, context) {
  const { panel, theme, linkScope, scope } = context;
  const { calcs = ["lastNotNull"], fields = "", values: everyRow = false, limit } = panel.options?.reduceOptions ?? {};
  const numeric = frames.flatMap((frame) => frame.fields.filter((field) => field.type === "number"));
  const range = valueRange(numeric);
  const found = [];
  for (const frame of frames) {
    const times = frame.fields.find((field) => field.type === "time")?.values;
    for (const field of frame.fields.filter((one) => wanted(one, fields))) {
      const process = processor(field, { theme, index: found.length, range });
      const add = (name, value, row, config = field.config) => {
        const shown =
          config === field.config
            ? process(value)
            : processor({ ...field, config }, { theme, index: found.length, range })(value);
        const macros = { ...scope.macros, ...rowMacros(frame, field, row, shown.text) };
        found.push({
          name,
          shown,
          field,
          frame,
          times,
          range,
          links: resolveLinks(field.config.links, { ...linkScope, macros }),
        });
      };
      if (everyRow) {
        const labels = frame.fields.filter((one) => one.type === "string");
        field.values
          .slice(0, limit ?? MAX_VALUES)
          .forEach((value, row) => add(labels.map((one) => one.values[row]).join(" ") || field.display, value, row));
      } else {
        const id = calcs[0] ?? "lastNotNull";
        add(
          field.display,
          reduce(field.values, id),
          field.values.length - 1,
          UNITLESS.has(id) ? { ...field.config, unit: id === "diffperc" ? "percentunit" : "none" } : field.config,
        );
      }
    }
  }
  return found.slice(0, MAX_VALUES);
}

/** Min and max of a gauge: the field's own, else those of all values. */
export function limits({ field, range }) {
  const { min, max } = field.config;
  const low = min ?? Math.min(range.min ?? 0, 0);
  const high = max ?? range.max ?? 100;
  return { low, high: high > low ? high : low + 1 };
}

/** `content` as a link where the value has one; several links stand in a title's place, so the first is taken. */
export function linked({ links }, props, ...content) {
  if (!links.length) return h("div", props, ...content);
  const element = anchor(links[0].url, links[0].blank, ...content);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, value);
  element.title = links[0].title;
  return element;
}

/** Columns and rows that make cells as near to `aspect` (width to height) as can be. */
export function gridOf(count, width, height, orientation, aspect = 2) {
  if (orientation === "horizontal") return { columns: 1, rows: count };
  if (orientation === "vertical") return { columns: count, rows: 1 };
  let best = { columns: 1, rows: count, off: Infinity };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const off = Math.abs(Math.log(width / columns / (height / rows) / aspect)) + (columns * rows - count) * 0.2;
    if (off < best.off) best = { columns, rows, off };
  }
  return best;
}
