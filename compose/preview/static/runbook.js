// A runbook's page: whether its alert fires now, and since when.

import { Client } from "./client.js";
import { own } from "./lib/links.js";
import { fromNow } from "./lib/units.js";
import { anchor, h, icon } from "./ui/dom.js";
import { addAskButtons } from "./ui/ask.js";
import { firingPill, StatusWatch } from "./ui/status.js";

const page = document.querySelector("[data-alert]");
const tools = document.getElementById("tools");

function line({ state, labels, annotations, activeAt, dashboard }) {
  return h("div", { class: `alert-now ${state}` }, [
    icon("warning", 18),
    h(
      "div",
      {},
      h("strong", {}, state === "firing" ? "Firing now" : "Pending"),
      activeAt ? `, since ${fromNow(Date.parse(activeAt)).text.replace(/ ago$/, "")}` : "",
      annotations.summary ? h("p", {}, annotations.summary) : "",
      h(
        "span",
        { class: "tags" },
        ["severity", "version", "feature", "slo"].flatMap((name) =>
          labels[name] ? [h("span", { class: "tag" }, `${name}: ${labels[name]}`)] : [],
        ),
      ),
    ),
    dashboard ? anchor(dashboard, false, icon("board", 15), "Dashboard") : "",
  ]);
}

for (const link of document.querySelectorAll("article a[href]"))
  link.setAttribute("href", own(link.getAttribute("href")) ?? "#");

addAskButtons(document, new Client());
await new StatusWatch((status) => {
  tools.replaceChildren(firingPill(status));
  if (!page) return;
  const mine = (status?.alerts ?? []).filter(
    ({ labels }) => labels.alertname === page.dataset.alert && labels.model === page.dataset.model,
  );
  const shown = mine.slice(0, 5).map(line);
  document
    .getElementById("alert-state")
    .replaceChildren(
      ...(shown.length || !status?.prometheus.up
        ? shown
        : [h("div", { class: "alert-now calm" }, "This alert does not fire now.")]),
    );
}).ask();
