// One panel: its frame, its states (busy, no data, failed, not drawn here) and its drawing.

import { interpolate } from "./lib/interpolate.js";
import { resolveLinks } from "./lib/links.js";
import { runPanel } from "./lib/query.js";
import { scopedVariables } from "./lib/repeat.js";
import { answerable, unsupported } from "./lib/support.js";
import { DRAW } from "./panels/index.js";
import { anchor, debounceFrame, h, icon, theme } from "./ui/dom.js";
import { inspect } from "./ui/inspect.js";
import { popover } from "./ui/popover.js";

const BUSY_AFTER_MS = 250;

export class Panel {
  /** @param {object} model the panel's JSON; `board` is the dashboard it stands on */
  constructor(model, board) {
    this.model = model;
    this.board = board;
    this.hidden = new Set();
    this.state = {};
    this.data = null;
    this.stale = true;
    this.visible = false;
    this.missing = unsupported(model);
    this.body = h("div", { class: "panel-body" });
    this.notes = h("p", { class: "panel-note", hidden: true });
    this.element = h(
      "section",
      {
        class: `panel panel-${model.type}${model.transparent ? " transparent" : ""}`,
        dataset: { panel: model.key, state: "waiting" },
      },
      this.#header(),
      this.body,
      this.notes,
    );
    new ResizeObserver(debounceFrame(() => this.#resized())).observe(this.body);
  }

  get variables() {
    return scopedVariables(this.board.variables, this.model.scoped);
  }

  get linkScope() {
    return { variables: this.variables, urlRange: this.board.urlRange };
  }

  get title() {
    return interpolate(this.model.title ?? "", this.linkScope);
  }

  #header() {
    const { description, links, key } = this.model;
    this.heading = h("h2", { title: this.title }, this.title);
    const info = description
      ? popover(
          h(
            "button",
            {
              type: "button",
              class: "panel-button info",
              "aria-label": `About ${this.title}`,
              title: interpolate(description, this.linkScope),
            },
            icon("info", 15),
          ),
          () => h("p", { class: "description" }, interpolate(description, this.linkScope)),
          "Description",
        )
      : [];
    const more = h(
      "button",
      { type: "button", class: "panel-button", "aria-label": `Menu of ${this.title}` },
      icon("more", 15),
    );
    const menu = (close) => {
      const then = (action) => () => {
        close();
        action();
      };
      const viewed = this.board.viewed === key;
      return h("div", { class: "menu" }, [
        h(
          "button",
          { type: "button", onclick: then(() => this.board.view(viewed ? null : key)) },
          viewed ? "Back to the dashboard" : "View",
        ),
        h(
          "button",
          { type: "button", onclick: then(() => inspect(this.title, this.data, this.board.zone)) },
          "Inspect queries and data",
        ),
        resolveLinks(links, this.linkScope).map((link) => anchor(link.url, link.blank, icon("link", 14), link.title)),
      ]);
    };
    const span =
      this.model.timeFrom || this.model.timeShift
        ? h(
            "span",
            { class: "panel-time" },
            [
              this.model.timeFrom && `last ${this.model.timeFrom}`,
              this.model.timeShift && `shifted by ${this.model.timeShift}`,
            ]
              .filter(Boolean)
              .join(", "),
          )
        : "";
    return h("header", {}, this.heading, span, popover(more, menu, "Panel menu"), info);
  }

  setVisible(visible) {
    this.visible = visible;
    if (visible && this.stale && this.board.ready) this.load();
  }

  /** Ask again, now if the panel can be seen, else when it can. */
  refresh() {
    this.stale = true;
    if (this.visible) this.load();
  }

  async load() {
    this.stale = false;
    this.heading.textContent = this.title;
    this.heading.title = this.title;
    if (!DRAW[this.model.type]) {
      this.#say("empty", `The preview does not draw panels of type "${this.model.type}".`);
      return;
    }
    const targets = (this.model.targets ?? []).filter((target) => answerable(target, this.model));
    if (this.model.type === "text" || !targets.length) {
      this.data = null;
      if (this.model.type === "text") this.draw();
      else this.#say("empty", "No query here for Prometheus.");
      return;
    }
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    const busy = setTimeout(() => this.element.classList.add("busy"), BUSY_AFTER_MS);
    try {
      const { client, range, scrape } = this.board;
      const data = await runPanel(this.model, {
        client,
        variables: this.variables,
        range,
        scrape,
        width: this.body.clientWidth || 600,
        signal: abort.signal,
      });
      if (this.abort === abort) {
        this.data = data;
        if (!this.view?.inUse?.()) this.draw();
      }
    } catch (error) {
      if (error.name !== "AbortError" && this.abort === abort) this.#failed(error);
    } finally {
      clearTimeout(busy);
      if (this.abort === abort) this.element.classList.remove("busy");
    }
  }

  /** Draw what is there, with the current colours and size. */
  draw() {
    if (!this.data && this.model.type !== "text") return;
    const pointer = this.view?.pointer?.();
    this.#drop();
    let view;
    try {
      view = DRAW[this.model.type](this.body, this.data, this.#context());
    } catch (error) {
      this.#say("error", `This panel could not be drawn: ${error.message}`);
      throw error;
    }
    this.view = view;
    if (view) {
      this.element.dataset.state = "drawn";
      if (pointer) view.point?.(pointer);
      this.#note(this.data?.errors ?? []);
    } else if (this.model.type === "text") this.#say("empty", "The preview draws Markdown, not HTML.");
    else this.#say("nodata", this.model.fieldConfig?.defaults?.noValue || "No data");
  }

  #context() {
    const { board, model, data } = this;
    return {
      panel: model,
      theme: theme(),
      zone: board.zone,
      range: data?.range,
      events: board.events,
      sync: board.sync,
      texts: board.texts,
      traces: board.traces,
      linkScope: this.linkScope,
      scope: data?.scope ?? { macros: {} },
      hidden: this.hidden,
      state: this.state,
      label: this.title,
      zoom: (from, to) => board.zoom(from, to),
      zoomOut: () => board.zoomOut(),
      redraw: () => this.draw(),
    };
  }

  #drop() {
    this.view?.destroy?.();
    this.view = null;
  }

  #say(state, text) {
    this.#drop();
    this.element.dataset.state = state;
    this.body.replaceChildren(
      h(
        "p",
        { class: `panel-message ${state}`, role: state === "error" ? "alert" : null },
        state === "error" ? icon("warning", 18) : "",
        h("span", {}, text),
      ),
    );
    this.#note([]);
  }

  /** Keep what is drawn, or say why there is nothing yet. */
  wait() {
    this.stale = true;
    if (!this.view && DRAW[this.model.type]) this.#say("waiting", "Waiting for Prometheus.");
  }

  #failed(error) {
    if (error.kind === "unavailable") {
      this.board.lost();
      this.wait();
      return;
    }
    this.data = null;
    this.#say("error", error.message);
  }

  #note(errors) {
    const missing = DRAW[this.model.type] && this.missing.length ? `Not drawn here: ${this.missing.join(", ")}.` : "";
    const text = [missing, ...errors.map(({ message }) => message)].filter(Boolean).join(" ");
    this.notes.textContent = text;
    this.notes.title = text;
    this.notes.hidden = !text;
  }

  #resized() {
    if (!this.view) return;
    if (this.view.resize) this.view.resize();
    else this.draw();
  }

  destroy() {
    this.abort?.abort();
    this.#drop();
  }
}
