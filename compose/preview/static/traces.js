// Pages of traces are whole without this: it puts times into the reader's own zone and tells what fires.

import { dateText } from "./lib/timerange.js";
import { firingPill, StatusWatch } from "./ui/status.js";

for (const element of document.querySelectorAll("time[datetime]")) {
  const ms = Date.parse(element.dateTime);
  if (Number.isNaN(ms)) continue;
  element.title = element.textContent;
  element.textContent = dateText(ms);
}
await new StatusWatch((status) => document.getElementById("tools").replaceChildren(firingPill(status))).ask();
