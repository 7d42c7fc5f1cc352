// The home page: what fires, the dashboards, the runbooks, and whether Prometheus answers.

import { json } from "./client.js";
import { fromNow } from "./lib/units.js";
import { anchor, h, icon } from "./ui/dom.js";
import { StatusWatch } from "./ui/status.js";

const ORDER = { page: 0, critical: 0, ticket: 1, warning: 1, info: 2, none: 3 };
const rank = ({ labels, state }) => (state === "firing" ? 0 : 10) + (ORDER[labels.severity] ?? 2);

function alertRow(alert) {
  const { labels, annotations, state, activeAt } = alert;
  const severity = labels.severity ?? "";
  const text = annotations.summary ?? annotations.description ?? "";
  return h("li", { class: `alert ${state}`, dataset: { severity } }, [
    h("span", { class: "badge" }, state === "firing" ? severity || "firing" : state),
    h(
      "div",
      { class: "alert-text" },
      h("strong", {}, labels.alertname),
      labels.model ? h("span", { class: "muted" }, labels.model) : "",
      text ? h("p", {}, text) : "",
    ),
    h("span", { class: "muted since" }, activeAt ? fromNow(Date.parse(activeAt)).text : ""),
    h("span", { class: "alert-links" }, [
      alert.runbook ? anchor(alert.runbook, false, icon("book", 15), "Runbook") : "",
      alert.dashboard ? anchor(alert.dashboard, false, icon("board", 15), "Dashboard") : "",
    ]),
  ]);
}

function alertList(status) {
  if (!status?.prometheus.up) return h("p", { class: "quiet-box" }, "Not known while Prometheus does not answer.");
  // The dead man's switch fires always; that it does is health, not trouble.
  const alerts = status.alerts
    .filter(({ labels }) => labels.severity !== "none")
    .sort((a, b) => rank(a) - rank(b) || a.labels.alertname.localeCompare(b.labels.alertname));
  return alerts.length
    ? h("ul", { class: "alerts" }, alerts.map(alertRow))
    : h("p", { class: "quiet-box good" }, "No alert is firing.");
}

function pill(up, text) {
  return h(
    "span",
    { class: up ? "health up" : "health down" },
    h("span", { class: "dot", "aria-hidden": "true" }),
    text,
  );
}

function health(status) {
  const { up, url, version } = status?.prometheus ?? {};
  const traces = status?.traces;
  return [
    pill(up, up ? `Prometheus ${version} at ${url}` : "Prometheus does not answer"),
    traces ? pill(traces.up, traces.up ? `Jaeger at ${traces.url}` : "Jaeger does not answer") : "",
  ];
}

/** The lists of traces; nothing where this preview has no Jaeger. */
function traceLinks(status) {
  if (!status?.traces) return [];
  const kinds = ["slowest", "failed", "unsure", "drifted", "latest"];
  return [
    h("h2", {}, anchor("/traces", false, "Traces")),
    status.traces.up
      ? h(
          "ul",
          { class: "tags" },
          kinds.map((kind) => h("li", {}, anchor(`/traces?kind=${kind}`, false, kind))),
        )
      : h("p", { class: "quiet-box" }, `${status.traces.error}. `, anchor("/traces", false, "What to do")),
  ];
}

function boardCard({ title, description, tags, url }, shared) {
  const telling = tags.filter((tag) => !shared.includes(tag));
  return h(
    "li",
    {},
    anchor(
      url,
      false,
      h("h3", {}, title),
      description ? h("p", {}, description) : "",
      telling.length
        ? h(
            "div",
            { class: "tags" },
            telling.map((tag) => h("span", { class: "tag" }, tag)),
          )
        : "",
    ),
  );
}

function runbookList(entries) {
  const byModel = Map.groupBy
    ? Map.groupBy(entries, ({ model }) => model)
    : entries.reduce((map, entry) => map.set(entry.model, [...(map.get(entry.model) ?? []), entry]), new Map());
  const open = byModel.size <= 2;
  return [...byModel].map(([model, group]) =>
    h(
      "details",
      { open },
      h("summary", {}, h("strong", {}, model), h("span", { class: "muted" }, ` ${group.length}`)),
      h(
        "ul",
        { class: "columns" },
        group.map(({ alert, title, url }) => {
          const link = anchor(url, false, alert);
          link.title = title;
          return h("li", {}, link);
        }),
      ),
    ),
  );
}

const [{ boards, problems }, runbooks] = await Promise.all([json("/api/search"), json("/api/runbooks")]);
// A tag that all boards carry tells them apart from none.
const shared = boards.length > 1 ? boards[0].tags.filter((tag) => boards.every(({ tags }) => tags.includes(tag))) : [];
const alerts = h("div", {});
const state = h("div", { class: "healths" });
const traces = h("section", { class: "trace-links" });
const none = (text) => h("p", { class: "quiet-box" }, text, " ", h("code", {}, "modelwatch generate"), " writes them.");
document.getElementById("main").replaceChildren(
  h("div", { class: "home" }, [
    h(
      "header",
      { class: "hero" },
      h(
        "div",
        {},
        h("h1", {}, "Overview"),
        h("p", { class: "muted" }, "A read-only preview of the generated dashboards and runbooks."),
      ),
      state,
    ),
    h("section", { id: "alerts" }, h("h2", {}, "Alerts"), alerts),
    h(
      "section",
      {},
      h("h2", {}, "Dashboards"),
      problems.map(({ file, message }) =>
        h(
          "p",
          { class: "problem-box", role: "alert" },
          icon("warning"),
          h("span", {}, h("strong", {}, file), ` ${message}`),
        ),
      ),
      boards.length
        ? h(
            "ul",
            { class: "cards" },
            boards.map((board) => boardCard(board, shared)),
          )
        : none("There are none in the folder that is served."),
    ),
    traces,
    h(
      "section",
      {},
      h("h2", {}, anchor("/runbooks/", false, "Runbooks")),
      runbooks.length ? runbookList(runbooks) : none("There are none in the folder that is served."),
    ),
  ]),
);
await new StatusWatch((status) => {
  alerts.replaceChildren(alertList(status));
  state.replaceChildren(...health(status));
  traces.replaceChildren(...traceLinks(status));
}).ask();
