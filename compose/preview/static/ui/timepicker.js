// Time range and refresh, at the right of the top bar.

import { describe, parseTime, PRESETS, REFRESHES, resolve } from "../lib/timerange.js";
import { h, icon } from "./dom.js";
import { popover } from "./popover.js";

function form(range, zone, apply) {
  const shown = (text) =>
    /^\d+$/.test(text) ? new Date(Number(text)).toLocaleString("sv-SE", { timeZone: zone }) : text;
  const from = h("input", {
    type: "text",
    value: shown(range.from),
    name: "from",
    autocomplete: "off",
    spellcheck: "false",
  });
  const to = h("input", { type: "text", value: shown(range.to), name: "to", autocomplete: "off", spellcheck: "false" });
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = (event) => {
    event.preventDefault();
    const asked = Object.fromEntries(
      [from, to].map((input) => [
        input.name,
        /^now/.test(input.value.trim()) ? input.value.trim() : String(parseTime(input.value, Date.now()) ?? ""),
      ]),
    );
    if (resolve(asked, Date.now())) apply(asked);
    else problem.textContent = "Write times such as now-6h or 2026-01-31 09:00, the earlier one first.";
  };
  return h(
    "form",
    { class: "absolute", onsubmit: submit },
    h("label", {}, "From", from),
    h("label", {}, "To", to),
    problem,
    h("button", { type: "submit", class: "button primary" }, "Apply"),
  );
}

/**
 * @param {{range: object, refresh: string, zone?: string}} state
 * @param {{setRange, setRefresh, zoomOut, shift, reload}} act
 */
export function timeTools({ range, refresh, zone }, act) {
  const button = h(
    "button",
    { type: "button", class: "button", id: "time" },
    icon("clock"),
    h("span", {}, describe(range, zone)),
    icon("down", 14),
  );
  const content = (close) => {
    const pick = (next) => {
      close();
      act.setRange(next);
    };
    const presets = PRESETS.map(([from, text]) => {
      const current = range.from === from && range.to === "now";
      return h(
        "button",
        {
          type: "button",
          class: "preset",
          "aria-current": current ? "true" : null,
          onclick: () => pick({ from, to: "now" }),
        },
        text,
      );
    });
    return h("div", { class: "time-box" }, form(range, zone, pick), h("div", { class: "presets" }, presets));
  };
  const quiet = (name, label, action) =>
    h(
      "button",
      { type: "button", class: "button quiet", "aria-label": label, title: label, onclick: action },
      icon(name),
    );
  const options = [...new Set([...REFRESHES, refresh])].map((value) => {
    const option = h("option", { value }, value || "Off");
    option.selected = value === refresh;
    return option;
  });
  const select = h(
    "select",
    {
      class: "button",
      "aria-label": "Refresh every",
      title: "Refresh every",
      onchange: () => act.setRefresh(select.value),
    },
    options,
  );
  return [
    quiet("left", "Earlier", () => act.shift(-1)),
    ...popover(button, content, "Time range"),
    quiet("right", "Later", () => act.shift(1)),
    quiet("zoomOut", "Zoom out", act.zoomOut),
    h("span", { class: "pair" }, quiet("refresh", "Refresh now", act.reload), select),
  ];
}
