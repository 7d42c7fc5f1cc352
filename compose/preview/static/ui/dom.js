// Making elements. Text is always set as text, so nothing that comes from data can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, part] of Object.entries(value)) element.style.setProperty(key, part);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** An HTML element: h("button", {class: "x", onclick}, "text", child). */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

const ICONS = {
  info: "M12 11v6M12 7.5v.5M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
  more: "M12 5.5v.01M12 12v.01M12 18.5v.01",
  clock: "M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
  refresh: "M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6",
  zoomOut: "M21 21l-5-5M18 10.5a7.5 7.5 0 1 1-15 0 7.5 7.5 0 0 1 15 0ZM7.5 10.5h6",
  down: "M6 9l6 6 6-6",
  left: "M15 6l-6 6 6 6",
  right: "M9 6l6 6-6 6",
  link: "M10 14l10-10M14 4h6v6M19 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1h5",
  close: "M6 6l12 12M18 6L6 18",
  warning: "M12 9v5M12 17.5v.01M10.3 4l-8 14a2 2 0 0 0 1.7 3h16a2 2 0 0 0 1.7-3l-8-14a2 2 0 0 0-3.4 0Z",
  book: "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3V4ZM5 17a3 3 0 0 1 3-3h11",
  board: "M4 5h7v6H4zM13 5h7v10h-7zM4 13h7v6H4zM13 17h7v2h-7z",
};

export function icon(name, size = 16) {
  const path = s("path", {
    d: ICONS[name],
    fill: "none",
    stroke: "currentColor",
    "stroke-width": name === "more" ? 3 : 2,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
  return s("svg", { class: "icon", viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true" }, path);
}

export const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");

/** A colour or size that the style sheet defines. */
export const cssVar = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const FONT_FAMILY =
  'Inter, -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif';
let canvas = null;

/** Pixels that `text` takes in a CSS font. */
export function textWidth(text, font) {
  canvas ??= document.createElement("canvas").getContext("2d");
  canvas.font = font;
  return canvas.measureText(text).width;
}

/** A link; one to another site opens beside this page. */
export function anchor(url, blank, ...children) {
  const props = blank ? { href: url, target: "_blank", rel: "noopener noreferrer" } : { href: url };
  return h("a", props, ...children);
}

export function debounceFrame(action) {
  let asked = 0;
  return () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(action);
  };
}
