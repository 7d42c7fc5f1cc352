// Rows and columns; a click on a heading sorts.

import { alpha, readableOn } from "../lib/colors.js";
import { processor, valueRange } from "../lib/display.js";
import { rowCount } from "../lib/frames.js";
import { resolveLinks, rowMacros } from "../lib/links.js";
import { sortedRows } from "../lib/transforms.js";
import { join } from "../lib/units.js";
import { anchor, h } from "../ui/dom.js";

const MAX_ROWS = 500;

/** All frames as one: series without a table of their own become rows of name, time and value. */
function frameOf(frames, index) {
  if (frames.every((frame) => frame.table || frame.fields.length > 2) || frames.length === 1)
    return frames[Math.min(index, frames.length - 1)];
  return frames[index] ?? frames[0];
}

function barCell(shown, field, range, mode) {
  const min = field.config.min ?? range.min ?? 0;
  const max = field.config.max ?? range.max ?? 1;
  const share =
    shown.numeric === null || max <= min ? 0 : Math.min(1, Math.max(0, (shown.numeric - min) / (max - min)));
  const fill = h("div", { class: "bar-fill" });
  fill.style.width = `${(share * 100).toFixed(1)}%`;
  fill.style.background =
    mode === "basic" ? shown.color : `linear-gradient(to right, ${alpha(shown.color, 0.4)}, ${shown.color})`;
  return h(
    "div",
    { class: "cell-bar" },
    h("div", { class: "bar unfilled" }, fill),
    h("span", { class: "bar-value" }, join(shown)),
  );
}

function cell(column, row, context, frame) {
  const { field, process, range } = column;
  const { custom = {}, links } = field.config;
  const value = field.values[row];
  const shown = process(value);
  const type = custom.cellOptions?.type ?? "auto";
  const text = join(shown);
  let content =
    type === "gauge" && shown.numeric !== null ? barCell(shown, field, range, custom.cellOptions.mode) : text;
  if (links?.length && text) {
    const macros = { ...context.scope.macros, ...rowMacros(frame, field, row, text) };
    const [link] = resolveLinks(links, { ...context.linkScope, macros });
    if (link) {
      content = anchor(link.url, link.blank, content);
      content.title = link.title;
    }
  }
  const element = h("td", { class: column.align }, content);
  if (shown.empty) return element;
  element.classList.toggle("colored", type.startsWith("color-"));
  if (type === "color-text") element.style.color = shown.color;
  if (type === "color-background") {
    element.style.backgroundColor = custom.cellOptions.mode === "gradient" ? alpha(shown.color, 0.75) : shown.color;
    element.style.color = readableOn(shown.color);
  }
  return element;
}

export function draw(root, data, context) {
  const { panel, theme, state } = context;
  const options = panel.options ?? {};
  const frame = data.frames.length ? frameOf(data.frames, options.frameIndex ?? 0) : null;
  if (!frame || !rowCount(frame)) return null;
  const columns = frame.fields
    .filter((field) => !field.config.custom?.hidden)
    .map((field, index) => {
      const range = valueRange([field]);
      const align =
        { left: "left", center: "center", right: "right" }[field.config.custom?.align] ??
        (field.type === "number" ? "right" : "left");
      return { field, range, align, process: processor(field, { theme, index, range }) };
    });
  const [first] = options.sortBy ?? [];
  state.sort ??= first ? { name: first.displayName, descending: Boolean(first.desc) } : null;
  const by = columns.find(({ field }) => field.display === state.sort?.name);
  const order = by ? sortedRows(by.field.values, state.sort.descending) : [...Array(rowCount(frame)).keys()];
  const heading = ({ field, align }) => {
    const sorted = state.sort?.name === field.display ? (state.sort.descending ? "descending" : "ascending") : "none";
    const sort = () => {
      state.sort = sorted === "descending" ? null : { name: field.display, descending: sorted === "ascending" };
      if (!state.sort) state.sort = { name: "", descending: false };
      context.redraw();
    };
    const mark = { ascending: " ↑", descending: " ↓", none: "" }[sorted];
    const th = h(
      "th",
      { scope: "col", class: align, "aria-sort": sorted },
      h("button", { type: "button", onclick: sort }, field.display, mark),
    );
    if (field.config.custom?.width) th.style.width = `${field.config.custom.width}px`;
    return th;
  };
  const rows = order.slice(0, MAX_ROWS).map((row) =>
    h(
      "tr",
      {},
      columns.map((column) => cell(column, row, context, frame)),
    ),
  );
  const head = options.showHeader === false ? "" : h("thead", {}, h("tr", {}, columns.map(heading)));
  const more =
    order.length > MAX_ROWS ? h("p", { class: "more" }, `The first ${MAX_ROWS} of ${order.length} rows.`) : "";
  const scrolled = root.firstElementChild?.scrollTop ?? 0;
  const box = h(
    "div",
    { class: `table ${options.cellHeight ?? "sm"}`, tabindex: "0", role: "region", "aria-label": context.label },
    h("table", {}, head, h("tbody", {}, rows)),
    more,
  );
  root.replaceChildren(box);
  box.scrollTop = scrolled;
  return {};
}
