// Asks the server now and then whether Prometheus is there, what fires and which dashboards changed.

import { json } from "../client.js";
import { anchor, h, icon } from "./dom.js";

const CALM_MS = 10000;
const WORRIED_MS = 3000;
const SOON_MS = 1000;

/** Polls /api/status while the page is visible; `seen(status)` gets each answer, null where the server itself is gone. */
export class StatusWatch {
  constructor(seen) {
    this.seen = seen;
    this.timer = 0;
    this.asking = false;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.ask();
    });
  }

  /** Ask a moment from now, not at once: what failed may fail again. */
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), SOON_MS);
  }

  async ask() {
    clearTimeout(this.timer);
    if (this.asking) return;
    this.asking = true;
    const status = await json("/api/status").catch(() => null);
    this.asking = false;
    const up = Boolean(status?.prometheus.up);
    banner(status);
    if (!document.hidden) this.timer = setTimeout(() => this.ask(), up ? CALM_MS : WORRIED_MS);
    await this.seen(status);
  }

  stop() {
    clearTimeout(this.timer);
    this.asking = true;
  }
}

function banner(status) {
  const place = document.getElementById("banner");
  const text = status?.prometheus.up
    ? ""
    : status
      ? `${status.prometheus.error}. Trying again every few seconds.`
      : "The preview's server does not answer. Trying again every few seconds.";
  if (place.textContent === text) return;
  place.replaceChildren(...(text ? [icon("warning", 18), h("span", {}, text)] : []));
  place.className = text ? "shown" : "";
}

/** A pill with the number of firing alerts that leads to their list. */
export function firingPill(status) {
  const firing = (status?.alerts ?? []).filter(
    // Severity none is for the stack itself: a heartbeat that always fires tells nobody anything.
    ({ state, labels }) => state === "firing" && labels.severity !== "none",
  );
  if (!firing.length) return "";
  const pill = anchor("/#alerts", false, icon("warning", 14), `${firing.length} firing`);
  pill.className = "pill";
  return h("span", {}, pill);
}
