// A button beside a runbook's PromQL that asks for the answer now.

import { metricText } from "../lib/frames.js";
import { format, join } from "../lib/units.js";
import { h } from "./dom.js";

const MOST = 12;

function rowsOf({ resultType, result }) {
  if (resultType === "scalar" || resultType === "string") return [["", result[1]]];
  return result.map(({ metric, value }) => [metricText(metric), value?.[1] ?? ""]);
}

const shown = (text) => (Number.isFinite(Number(text)) ? join(format(Number(text), "none")) : text);

/** What a query gives at this moment, as an element. */
async function answer(client, expr) {
  try {
    const rows = rowsOf(await client.instant(expr, Date.now()));
    if (!rows.length) return h("p", { class: "muted" }, "No series matches now.");
    const lines = rows
      .slice(0, MOST)
      .map(([name, value]) => h("tr", {}, h("td", {}, name || "value"), h("td", { class: "right" }, shown(value))));
    const more = rows.length > MOST ? h("p", { class: "muted" }, `and ${rows.length - MOST} more`) : "";
    return h("div", {}, h("table", {}, h("tbody", {}, lines)), more);
  } catch (error) {
    return h("p", { class: "problem", role: "alert" }, error.message);
  }
}

/** Puts the button into every block of PromQL below `root`. */
export function addAskButtons(root, client) {
  for (const code of root.querySelectorAll("pre > code.language-promql")) {
    const place = h("div", { class: "answer", "aria-live": "polite" });
    const ask = async () => place.replaceChildren(await answer(client, code.textContent));
    const button = h("button", { type: "button", class: "button ask", onclick: ask }, "Ask now");
    const block = h("div", { class: "asked" });
    code.parentElement.replaceWith(block);
    block.append(code.parentElement, button, place);
  }
}
