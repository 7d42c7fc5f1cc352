// The dashboard's own links, at the right of the variables.

import { dashboardUrl, linkedBoards, own, tracesUrl } from "../lib/links.js";
import { interpolate } from "../lib/interpolate.js";
import { anchor, h, icon } from "./dom.js";
import { popover } from "./popover.js";

/** @param {object[]} links of the dashboard; `boards` as /api/search lists them */
export function linkBar(links, boards, uid, scope) {
  return (links ?? []).flatMap((link) => {
    if (link.type === "dashboards") {
      const targets = linkedBoards(link, boards, uid);
      const items = () =>
        targets.map((board) =>
          anchor(dashboardUrl(board.url, link, scope()), link.targetBlank, icon("board", 14), board.title),
        );
      if (!link.asDropdown) return items();
      const button = h(
        "button",
        { type: "button", class: "button quiet", title: link.tooltip || null },
        icon("board"),
        link.title || "Dashboards",
        icon("down", 14),
      );
      return popover(
        button,
        () =>
          h(
            "nav",
            { class: "menu", "aria-label": link.title },
            targets.length ? items() : h("p", { class: "muted" }, "No other dashboard has its tags."),
          ),
        link.title || "Dashboards",
      );
    }
    const url = own(dashboardUrl(interpolate(link.url ?? "", scope()), link, scope()));
    if (!url) return [];
    const element = anchor(url, link.targetBlank, icon(link.icon === "doc" ? "book" : "link"), link.title || url);
    element.className = "button quiet";
    if (link.tooltip) element.title = link.tooltip;
    return [element];
  });
}

/** To the traces of the model that is chosen, in the time that is shown, as both are when it is followed. */
export function traceLink(traces, dashboard, scope) {
  if (!traces || !dashboard.templating?.list?.some(({ name }) => name === "model")) return "";
  const link = anchor(traces, false, icon("link"), "Traces");
  link.className = "button quiet";
  const aim = () => {
    const { variables, urlRange } = scope();
    link.href = tracesUrl(traces, variables.get("model")?.selected ?? [], urlRange);
  };
  for (const event of ["focus", "pointerenter", "click"]) link.addEventListener(event, aim);
  return link;
}
