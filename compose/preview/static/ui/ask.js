// A button beside a runbook's PromQL that asks for the answer now.

import { metricText } from "../lib/frames.js";
import { format, join } from "../lib/units.js";
import { h } from "./dom.js";

const MOST = 12;
const TICK_MS = 1000;

function rowsOf({ resultType, result }) {
  if (resultType === "scalar" || resultType === "string") return [["", result[1]]];
  return result.map(({ metric, value }) => [metricText(metric), value?.[1] ?? ""]);
}

const shown = (text) => (Number.isFinite(Number(text)) ? join(format(Number(text), "none")) : text);

/** What a query gave, as an element. */
function table(data) {
  const rows = rowsOf(data);
  if (!rows.length) return h("p", { class: "muted" }, "No series matches.");
  const lines = rows
    .slice(0, MOST)
    .map(([name, value]) => h("tr", {}, h("td", {}, name || "value"), h("td", { class: "right" }, shown(value))));
  const more = rows.length > MOST ? h("p", { class: "muted" }, `and ${rows.length - MOST} more`) : "";
  return h("div", {}, h("table", {}, h("tbody", {}, lines)), more);
}

/**
 * A button that asks, says so while it does, and stops when pressed again; then the answer with the time it is of.
 * An answer from before is gone as soon as a new one is asked for: nothing old stands under "now".
 */
function asker(client, expr) {
  const place = h("div", { class: "answer", "aria-live": "polite" });
  let running = null;
  const press = async () => {
    if (running) {
      running.abort();
      return;
    }
    const began = Date.now();
    const mine = new AbortController();
    running = mine;
    place.replaceChildren();
    const say = () => {
      const seconds = Math.floor((Date.now() - began) / 1000);
      button.textContent = seconds ? `Asking for ${seconds} s. Stop` : "Asking. Stop";
    };
    say();
    button.setAttribute("aria-busy", "true");
    const timer = setInterval(say, TICK_MS);
    try {
      const answer = table(await client.instant(expr, began, mine.signal));
      const of = `As of ${new Date(began).toLocaleTimeString()}, answered in ${((Date.now() - began) / 1000).toFixed(1)} s.`;
      place.replaceChildren(answer, h("p", { class: "muted asked-at" }, of));
    } catch (error) {
      const stopped = error.name === "AbortError";
      place.replaceChildren(
        stopped
          ? h("p", { class: "muted" }, "Stopped before Prometheus answered.")
          : h("p", { class: "problem", role: "alert" }, error.message),
      );
    } finally {
      clearInterval(timer);
      running = null;
      button.removeAttribute("aria-busy");
      button.textContent = "Ask again";
    }
  };
  const button = h("button", { type: "button", class: "button ask", onclick: press }, "Ask now");
  return [button, place];
}

/** Puts the button into every block of PromQL below `root`. */
export function addAskButtons(root, client) {
  for (const code of root.querySelectorAll("pre > code.language-promql")) {
    const block = h("div", { class: "asked" });
    code.parentElement.replaceWith(block);
    block.append(code.parentElement, ...asker(client, code.textContent));
  }
}
