// A panel's queries as they were asked, and its data as a table: also the way to a chart's numbers without a mouse.

import { rowCount } from "../lib/frames.js";
import { dateText, formatDuration } from "../lib/timerange.js";
import { h, icon } from "./dom.js";

const MAX_ROWS = 200;

const quote = (value) => (/[",\n]/.test(value) ? `"${value.replace(/"/g, '""')}"` : value);

/** All frames as CSV, one below the other. */
export function csv(frames) {
  return frames
    .map((frame) => {
      const head = frame.fields.map((field) => quote(field.display ?? field.name)).join(",");
      const cell = (field, row) =>
        field.type === "time" ? new Date(field.values[row]).toISOString() : quote(String(field.values[row] ?? ""));
      const rows = Array.from({ length: rowCount(frame) }, (_, row) =>
        frame.fields.map((field) => cell(field, row)).join(","),
      );
      return [head, ...rows].join("\r\n");
    })
    .join("\r\n\r\n");
}

function queryBlock(query) {
  const copy = h(
    "button",
    {
      type: "button",
      class: "button",
      onclick: () =>
        navigator.clipboard?.writeText(query.expr).then(
          () => (copy.textContent = "Copied"),
          () => (copy.textContent = "Not allowed"),
        ),
    },
    "Copy",
  );
  const facts = [
    query.instant ? "instant" : `range, a point every ${formatDuration(query.stepMs)}`,
    `${query.series} series`,
    query.error,
  ]
    .filter(Boolean)
    .join(" · ");
  return h(
    "section",
    {},
    h("h3", {}, `Query ${query.refId}`, h("span", { class: "muted" }, facts)),
    h("pre", { class: "code" }, query.expr),
    copy,
  );
}

function dataTable(frame, zone) {
  const rows = Array.from({ length: Math.min(MAX_ROWS, rowCount(frame)) }, (_, row) =>
    h(
      "tr",
      {},
      frame.fields.map((field) =>
        h("td", {}, field.type === "time" ? dateText(field.values[row], zone) : String(field.values[row] ?? "")),
      ),
    ),
  );
  const head = h(
    "thead",
    {},
    h(
      "tr",
      {},
      frame.fields.map((field) => h("th", { scope: "col" }, field.display ?? field.name)),
    ),
  );
  const more =
    rowCount(frame) > MAX_ROWS ? h("p", { class: "muted" }, `The first ${MAX_ROWS} of ${rowCount(frame)} rows.`) : "";
  return h(
    "details",
    {},
    h("summary", {}, `${frame.fields[frame.fields.length - 1]?.display ?? frame.name} · ${rowCount(frame)} rows`),
    h("div", { class: "table sm" }, h("table", {}, head, h("tbody", {}, rows)), more),
  );
}

/** Opens the dialog. `data` is what the panel's queries gave, or null. */
export function inspect(title, data, zone) {
  const close = h(
    "button",
    { type: "button", class: "button quiet", "aria-label": "Close", onclick: () => dialog.close() },
    icon("close"),
  );
  const save = () => {
    const url = URL.createObjectURL(new Blob([csv(data.frames)], { type: "text/csv" }));
    h("a", { href: url, download: `${title.replace(/[^\w-]+/g, "-").toLowerCase()}.csv` }).click();
    URL.revokeObjectURL(url);
  };
  const body = data
    ? [
        data.queries.map((query) => queryBlock(query)),
        h(
          "h3",
          {},
          "Data",
          data.frames.length
            ? h("button", { type: "button", class: "button", onclick: save }, "Download CSV")
            : h("span", { class: "muted" }, "none"),
        ),
        data.frames.map((frame) => dataTable(frame, zone)),
      ]
    : h("p", {}, "No query of this panel has been answered yet.");
  const dialog = h(
    "dialog",
    { class: "inspect", "aria-label": `Inspect ${title}`, onclose: () => dialog.remove() },
    h("header", {}, h("h2", {}, title), close),
    h("div", { class: "inspect-body" }, body),
  );
  document.body.append(dialog);
  dialog.showModal();
}
