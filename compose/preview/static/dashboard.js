// A dashboard's page: its variables, time range and refresh; its panels; the address that says all of that.

import { Client, json } from "./client.js";
import { eventsOf, prometheusAnnotations } from "./lib/annotations.js";
import { align, stepFor } from "./lib/interval.js";
import { interpolate, promValue } from "./lib/interpolate.js";
import { absolute, fitting, parseDuration, resolve, shift, zoneOf, zoomOut } from "./lib/timerange.js";
import { expand } from "./lib/repeat.js";
import { loadVariables } from "./lib/variables.js";
import { grid, section, sections } from "./layout.js";
import { Panel } from "./panel.js";
import { h } from "./ui/dom.js";
import { linkBar, traceLink } from "./ui/links.js";
import { firingPill, StatusWatch } from "./ui/status.js";
import { timeTools } from "./ui/timepicker.js";
import { variableBar } from "./ui/variables.js";

const EVENT_POINTS = 600;

class Dashboard {
  constructor({ dashboard, meta }, boards) {
    Object.assign(this, {
      dashboard,
      meta,
      boards,
      texts: meta.texts,
      scrape: meta.scrapeInterval,
      traces: meta.traces,
    });
    this.client = new Client();
    this.zone = zoneOf(dashboard);
    const tip = dashboard.graphTooltip ?? 0;
    this.sync = { key: tip ? dashboard.uid : null, tooltips: tip === 2 };
    this.variables = new Map();
    this.events = [];
    this.annotations = prometheusAnnotations(dashboard).map((annotation) => ({
      annotation,
      on: annotation.enable !== false,
    }));
    this.panels = [];
    this.folded = new Map();
    this.readAddress();
  }

  get linkScope() {
    return { variables: this.variables, urlRange: this.urlRange };
  }

  readAddress() {
    const url = new URLSearchParams(location.search);
    const { from = "now-6h", to = "now" } = this.dashboard.time ?? {};
    const asked = { from: url.get("from") ?? from, to: url.get("to") ?? to };
    this.urlRange = resolve(asked, Date.now()) ? asked : { from: "now-6h", to: "now" };
    // Whoever asks for no time gets what there is, and an address that goes on saying nothing of time.
    this.chosen = url.has("from") || url.has("to");
    this.refresh = url.get("refresh") ?? (this.dashboard.refresh || "");
    if (parseDuration(this.refresh) === null) this.refresh = "";
    this.viewed = url.has("viewPanel") ? url.get("viewPanel").replace("panel-", "") : null;
    document.documentElement.toggleAttribute("data-kiosk", url.has("kiosk"));
  }

  writeAddress(replace = false) {
    const url = new URLSearchParams(location.search);
    for (const key of [...url.keys()]) if (key.startsWith("var-")) url.delete(key);
    for (const end of ["from", "to"]) {
      if (this.chosen) url.set(end, this.urlRange[end]);
      else url.delete(end);
    }
    url.set("refresh", this.refresh);
    if (!this.refresh) url.delete("refresh");
    if (this.viewed === null) url.delete("viewPanel");
    else url.set("viewPanel", this.viewed);
    for (const variable of this.variables.values()) {
      if (variable.definition.type !== "constant")
        for (const value of variable.selected) url.append(`var-${variable.name}`, value);
    }
    history[replace ? "replaceState" : "pushState"](null, "", `${location.pathname}?${url}`);
  }

  /** Build the page and ask for everything. */
  async start() {
    this.variableBox = h("div", { class: "variables" });
    this.problemBox = h("div", { class: "problems", role: "alert" });
    this.board = h("div", { class: "board" });
    const links = h(
      "nav",
      { class: "board-links", "aria-label": "Links of this dashboard" },
      linkBar(this.dashboard.links, this.boards, this.dashboard.uid, () => this.linkScope),
      traceLink(this.meta.traces, this.dashboard, () => this.linkScope),
    );
    document
      .getElementById("main")
      .replaceChildren(
        h("div", { class: "controls" }, this.variableBox, this.#switches(), links),
        this.problemBox,
        this.board,
      );
    this.observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries)
          this.panels.find(({ element }) => element === target)?.setVisible(isIntersecting);
      },
      { rootMargin: "300px 0px" },
    );
    await this.#fit();
    this.#tools();
    this.#build();
    await this.reload({ url: new URLSearchParams(location.search) });
    this.writeAddress(true);
    this.#tick();
  }

  async #fit() {
    if (this.chosen) return;
    const now = Date.now();
    const oldest = await this.client.oldest(resolve(this.urlRange, now)).catch(() => null);
    this.urlRange = fitting(this.urlRange, oldest, now);
  }

  #tools() {
    const act = {
      setRange: (range) => this.setRange(range),
      setRefresh: (refresh) => {
        this.refresh = refresh;
        this.writeAddress(true);
        this.#tick();
      },
      zoomOut: () => this.zoomOut(),
      shift: (direction) => this.setRange(shift(this.range, direction, Date.now())),
      reload: () => this.reload(),
    };
    this.pill ??= h("span", { class: "pill-place" });
    document
      .getElementById("tools")
      .replaceChildren(this.pill, ...timeTools({ range: this.urlRange, refresh: this.refresh, zone: this.zone }, act));
  }

  #switches() {
    return this.annotations
      .filter(({ annotation }) => !annotation.hide)
      .map((entry) => {
        const input = h("input", {
          type: "checkbox",
          role: "switch",
          onchange: () => {
            entry.on = input.checked;
            this.#loadEvents().then(() => this.redraw());
          },
        });
        input.checked = entry.on;
        return h(
          "label",
          { class: "switch" },
          input,
          h("span", { class: "track", "aria-hidden": "true" }),
          entry.annotation.name,
        );
      });
  }

  #sections() {
    return sections(this.dashboard.panels).map(({ row, panels }) => ({ row, panels: expand(panels, this.variables) }));
  }

  #build() {
    for (const panel of this.panels) panel.destroy();
    this.observer.disconnect();
    const all = this.#sections();
    const viewed = all.flatMap(({ panels }) => panels).find(({ key }) => key === this.viewed);
    this.shape = JSON.stringify(all);
    this.panels = [];
    const make = (models) =>
      models.map((model) => {
        const panel = new Panel(model, this);
        this.panels.push(panel);
        return panel.element;
      });
    this.board.classList.toggle("single", Boolean(viewed));
    const title = (row) =>
      `${interpolate(row?.title ?? "", this.linkScope)}${row?.repeat ? ` (not repeated by ${row.repeat} here)` : ""}`;
    this.board.replaceChildren(
      ...(viewed
        ? make([viewed])
        : all.map(({ row, panels }) => {
            const open = this.folded.get(row?.id) ?? !row?.collapsed;
            return section(row, title(row), grid(panels, make(panels)), open, (next) => this.folded.set(row.id, next));
          })),
    );
    for (const { element } of this.panels) this.observer.observe(element);
  }

  /** New variables, marks and data. What `url` says is selected stays selected, whether Prometheus knows it or not. */
  async reload({ url = this.#selection() } = {}) {
    // Whoever asked last is answered: an earlier, slower round must not undo a later choice.
    this.round = (this.round ?? 0) + 1;
    const { round } = this;
    this.range = resolve(this.urlRange, Date.now());
    let asked;
    try {
      asked = await loadVariables(this.dashboard.templating?.list ?? [], {
        url,
        before: this.variables,
        client: this.client,
        range: this.range,
      });
    } catch (error) {
      if (error.kind !== "unavailable") throw error;
      this.pendingUrl = url;
      for (const panel of this.panels) panel.wait();
      this.lost();
      return;
    }
    if (round !== this.round) return;
    this.pendingUrl = null;
    const look = (map) =>
      JSON.stringify([...map.values()].map(({ name, selected, options }) => [name, selected, options]));
    const changed = look(asked.variables) !== look(this.variables);
    this.variables = asked.variables;
    this.problemBox.replaceChildren(...asked.problems.map((text) => h("p", {}, text)));
    if (changed || !this.variableBox.childElementCount)
      this.variableBox.replaceChildren(
        ...variableBar(this.variables, (name, values) => this.setVariable(name, values)),
      );
    // Repeated panels come and go with the values of their variable.
    if (JSON.stringify(this.#sections()) !== this.shape) this.#build();
    await this.#loadEvents();
    if (round !== this.round) return;
    this.ready = true;
    for (const panel of this.panels) panel.refresh();
  }

  async #loadEvents() {
    const { stepMs, macros } = stepFor({ range: this.range, points: EVENT_POINTS, scrape: this.scrape });
    const lists = await Promise.all(
      this.annotations
        .filter(({ on }) => on)
        .map(async ({ annotation }) => {
          const expr = interpolate(
            annotation.expr ?? annotation.target.expr,
            { variables: this.variables, macros },
            promValue,
          );
          const step = Math.max(stepMs, parseDuration(annotation.step) ?? 0);
          try {
            const { result } = await this.client.range(expr, align(this.range, step));
            return eventsOf(result, annotation, step);
          } catch (error) {
            if (error.kind !== "unavailable")
              this.problemBox.append(h("p", {}, `Annotation ${annotation.name}: ${error.message}`));
            return [];
          }
        }),
    );
    this.events = lists.flat();
  }

  #tick() {
    clearInterval(this.timer);
    const every = parseDuration(this.refresh);
    if (!every) return;
    this.timer = setInterval(
      () => {
        if (!document.hidden && this.ready && !document.querySelector(".variables :popover-open")) this.reload();
      },
      Math.max(1000, every),
    );
  }

  setRange(range) {
    this.urlRange = range;
    this.chosen = true;
    this.writeAddress();
    this.#tools();
    this.reload();
  }

  zoom(from, to) {
    this.setRange(absolute(from, to));
  }

  zoomOut() {
    this.setRange(zoomOut(this.range, Date.now()));
  }

  setVariable(name, values) {
    this.variables.get(name).selected = values;
    this.reload({ url: this.#selection(name) }).then(() => this.writeAddress());
  }

  /** What is selected, as an address says it; up to and with the variable `last`, as those after it may no longer fit. */
  #selection(last) {
    const url = new URLSearchParams();
    for (const { name, selected } of this.variables.values()) {
      for (const value of selected) url.append(`var-${name}`, value);
      if (name === last) break;
    }
    return url;
  }

  /** After the browser's back or forward. */
  async followAddress() {
    this.readAddress();
    await this.#fit();
    this.#tools();
    this.#build();
    await this.reload({ url: new URLSearchParams(location.search) });
  }

  /** One panel alone, or with null all of them again. */
  view(id) {
    this.viewed = id;
    this.writeAddress();
    this.#build();
  }

  redraw() {
    for (const panel of this.panels) panel.draw();
  }

  /** Prometheus cannot be reached: the watch asks until it can, and then everything is asked again. */
  lost() {
    if (!this.waiting) {
      this.waiting = true;
      this.watch.soon();
    }
  }

  /** Called with each answer of the status watch. */
  async seen(status) {
    this.pill.replaceChildren(firingPill(status));
    const version = status?.boards[this.dashboard.uid];
    if (version && version !== this.meta.version) await this.#replace();
    else if (this.waiting && status?.prometheus.up) {
      this.waiting = false;
      await this.reload({ url: this.pendingUrl ?? this.#selection() });
    }
  }

  /** The dashboard's file has changed: the new one takes the place of this one, with the same selection. */
  async #replace() {
    const { dashboard, meta } = await json(`/api/dashboards/uid/${this.dashboard.uid}`);
    this.stop();
    await open({ dashboard, meta }, this.boards);
  }

  stop() {
    clearInterval(this.timer);
    this.watch.stop();
    this.observer.disconnect();
    for (const panel of this.panels) panel.destroy();
  }
}

let current = null;

async function open(document_, boards) {
  current = new Dashboard(document_, boards);
  const mine = current;
  mine.watch = new StatusWatch((status) => (mine === current ? mine.seen(status) : undefined));
  await mine.start();
  await mine.watch.ask();
}

document.addEventListener("themechange", () => current?.redraw());
document.addEventListener("keydown", (event) => {
  if (
    event.key === "Escape" &&
    current?.viewed !== null &&
    !document.querySelector(":popover-open, dialog[open], .tooltip.pinned")
  )
    current?.view(null);
});
window.addEventListener("popstate", () => current?.followAddress());

const uid = location.pathname.split("/")[2];
const [document_, { boards }] = await Promise.all([json(`/api/dashboards/uid/${uid}`), json("/api/search")]);
await open(document_, boards);
