// Markdown, made into HTML by the server; variables are filled into its text and links here.

import { interpolate } from "../lib/interpolate.js";
import { resolveLinks } from "../lib/links.js";
import { h } from "../ui/dom.js";

export function draw(root, _data, context) {
  const { panel, texts, linkScope } = context;
  const { mode = "markdown", content = "" } = panel.options ?? {};
  if (mode === "code") {
    root.replaceChildren(h("pre", { class: "code" }, interpolate(content, linkScope)));
    return {};
  }
  if (mode !== "markdown") return null;
  const box = h("div", { class: "prose small" });
  // The server's Markdown renderer lets no raw HTML through.
  box.innerHTML = texts[String(panel.id)] ?? "";
  const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) walker.currentNode.data = interpolate(walker.currentNode.data, linkScope);
  for (const link of box.querySelectorAll("a[href]")) {
    const [resolved] = resolveLinks([{ url: decodeURI(link.getAttribute("href")), title: "" }], linkScope);
    if (resolved) link.setAttribute("href", resolved.url);
    else link.removeAttribute("href");
  }
  root.replaceChildren(box);
  return {};
}
