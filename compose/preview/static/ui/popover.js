// A button that opens a box beside it: light dismiss and Escape come from the browser's popover.

import { h } from "./dom.js";

let count = 0;

function place(box, button) {
  const at = button.getBoundingClientRect();
  const width = box.offsetWidth;
  const left = Math.max(8, Math.min(at.left, window.innerWidth - width - 8));
  const below = window.innerHeight - at.bottom;
  const top =
    below > box.offsetHeight + 12 || below > at.top ? at.bottom + 6 : Math.max(8, at.top - box.offsetHeight - 6);
  box.style.left = `${left}px`;
  box.style.top = `${top}px`;
  box.style.maxHeight = `${Math.max(160, window.innerHeight - top - 12)}px`;
}

/**
 * @param {HTMLButtonElement} button
 * @param {(close: () => void) => Node | Node[]} content made anew each time it opens
 * @param {string} label for assistive technology
 * @param {() => void} [closed] called when it has closed, however that came
 */
export function popover(button, content, label, closed = () => {}) {
  count += 1;
  const box = h("div", {
    class: "popover",
    popover: "auto",
    id: `popover-${count}`,
    role: "dialog",
    "aria-label": label,
  });
  button.setAttribute("popovertarget", box.id);
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  const close = () => {
    box.hidePopover();
    button.focus();
  };
  box.addEventListener("beforetoggle", (event) => {
    if (event.newState === "open") box.replaceChildren(...[content(close)].flat());
  });
  box.addEventListener("toggle", (event) => {
    const open = event.newState === "open";
    button.setAttribute("aria-expanded", String(open));
    if (!open) {
      closed();
      return;
    }
    place(box, button);
    const first = box.querySelector("[autofocus]") ?? box.querySelector("input, button, a");
    first?.focus();
    if (first?.type === "text") first.select();
  });
  return [button, box];
}
