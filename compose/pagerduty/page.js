"use strict";

// Redraws only the sections that changed, so that nothing flickers, closes or loses its place.
const POLL_MS = 2000;
const SECTIONS = ["counts", "open", "refused", "orphans", "resolved", "webhooks"];
const live = document.getElementById("live");
const served = new Map(SECTIONS.map((id) => [id, document.getElementById(id).innerHTML]));
let revision = document.documentElement.dataset.revision;

function span(seconds) {
  const parts = [];
  let rest = Math.max(0, Math.floor(seconds));
  for (const [name, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count || parts.length || name === "s") parts.push(`${count}${name}`);
  }
  return parts.slice(0, 2).join(" ");
}

function tick() {
  const now = Date.now();
  for (const element of document.querySelectorAll("[data-since]")) {
    element.textContent = span((now - Date.parse(element.dataset.since)) / 1000);
  }
  const today = new Date(now).toDateString();
  for (const element of document.querySelectorAll("time")) {
    const moment = new Date(element.dateTime);
    const text = moment.toDateString() === today ? moment.toLocaleTimeString() : moment.toLocaleString();
    if (element.textContent !== text) element.textContent = text;
    if (!element.title) element.title = element.dateTime;
  }
}

function redraw(page) {
  for (const id of SECTIONS) {
    const fresh = page.getElementById(id).innerHTML;
    if (fresh === served.get(id)) continue;
    served.set(id, fresh);
    const section = document.getElementById(id);
    const open = new Map([...section.querySelectorAll("details[id]")].map((d) => [d.id, d.open]));
    const focused = section.contains(document.activeElement) ? document.activeElement.id : "";
    section.hidden = page.getElementById(id).hidden;
    section.replaceChildren(...document.importNode(page.getElementById(id), true).childNodes);
    for (const details of section.querySelectorAll("details[id]")) {
      if (open.has(details.id)) details.open = open.get(details.id);
    }
    if (focused) document.getElementById(focused)?.focus();
  }
  document.title = page.title;
  revision = page.documentElement.dataset.revision;
}

async function refresh() {
  try {
    const current = await (await fetch("/revision")).text();
    if (current !== revision) {
      redraw(new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html"));
    }
    live.className = "live on";
    live.textContent = "live";
  } catch {
    live.className = "live off";
    live.textContent = "connection lost; trying again";
  }
  tick();
}

async function loop() {
  if (!document.hidden) await refresh();
  setTimeout(loop, POLL_MS);
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter;
  button.disabled = true;
  try {
    await fetch(event.target.action, { method: "POST", headers: { Accept: "application/json" } });
  } catch {
    // The refresh below tells of a lost connection.
  }
  await refresh();
  button.disabled = false;
});

function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}

window.addEventListener("hashchange", openTarget);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
setInterval(tick, 1000);
tick();
openTarget();
loop();
