// Colours: Grafana's names, and palettes that people with colour-blindness can tell apart, on light and on dark ground.

// Okabe and Ito's palette, its yellow and black replaced by tones that hold on both grounds. Neighbours differ in lightness too.
const SERIES = {
  light: [
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#b0578d",
    "#3aa0d8",
    "#c28a00",
    "#5b4fb3",
    "#7a6a58",
    "#00827f",
    "#e0559a",
    "#6b7f00",
    "#8d3c3c",
  ],
  dark: [
    "#4ba3e3",
    "#f08c4a",
    "#2fc79b",
    "#e08fc0",
    "#8ccdf2",
    "#f0c24b",
    "#a79bff",
    "#c2b09b",
    "#4fd1cc",
    "#ff8fc6",
    "#bcd14f",
    "#e08a8a",
  ],
};

// Each hue as Grafana shades it: super-light, light, plain, semi-dark, dark.
const HUES = {
  light: {
    green: ["#9fe3c5", "#4cc397", "#128a5e", "#0e7450", "#0a5c3f"],
    yellow: ["#f7e3a0", "#ecc94b", "#c99700", "#a87e00", "#876500"],
    orange: ["#fbcf9f", "#f5a35c", "#dd6b10", "#bb590a", "#964706"],
    red: ["#f7b3ad", "#ec7b73", "#cf2f2a", "#b02421", "#8f1b19"],
    blue: ["#aed3f5", "#6aaeea", "#1f74c4", "#185fa3", "#124b82"],
    purple: ["#d8c6f2", "#b497e2", "#8255c6", "#6b43a8", "#553486"],
  },
  dark: {
    green: ["#c4f0dc", "#7fdcb5", "#3cbf8c", "#2ea377", "#218460"],
    yellow: ["#fbeebf", "#f6da79", "#e9bf36", "#cda31e", "#a98414"],
    orange: ["#fde0c2", "#f9b981", "#f08f3f", "#d57527", "#b05d19"],
    red: ["#fbd0cc", "#f59a93", "#ee5f57", "#d3453e", "#ae332d"],
    blue: ["#cfe5fa", "#8fc3f2", "#529fe6", "#3983c9", "#2a68a4"],
    purple: ["#e8dcfa", "#c9b2f0", "#a583e3", "#8a65cc", "#6f4caa"],
  },
};
const SHADES = ["super-light", "light", "", "semi-dark", "dark"];
const TEXT = { light: "#1f2733", dark: "#e3e8ef" };
const SCHEMES = {
  Blues: ["#f7fbff", "#deebf7", "#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c", "#08306b"],
  Greens: ["#f7fcf5", "#e5f5e0", "#c7e9c0", "#a1d99b", "#74c476", "#41ab5d", "#238b45", "#006d2c", "#00441b"],
  Oranges: ["#fff5eb", "#fee6ce", "#fdd0a2", "#fdae6b", "#fd8d3c", "#f16913", "#d94801", "#a63603", "#7f2704"],
  Purples: ["#fcfbfd", "#efedf5", "#dadaeb", "#bcbddc", "#9e9ac8", "#807dba", "#6a51a3", "#54278f", "#3f007d"],
  Reds: ["#fff5f0", "#fee0d2", "#fcbba1", "#fc9272", "#fb6a4a", "#ef3b2c", "#cb181d", "#a50f15", "#67000d"],
  Greys: ["#ffffff", "#f0f0f0", "#d9d9d9", "#bdbdbd", "#969696", "#737373", "#525252", "#252525", "#000000"],
  YlOrRd: ["#ffffcc", "#ffeda0", "#fed976", "#feb24c", "#fd8d3c", "#fc4e2a", "#e31a1c", "#bd0026", "#800026"],
  YlGnBu: ["#ffffd9", "#edf8b1", "#c7e9b4", "#7fcdbb", "#41b6c4", "#1d91c0", "#225ea8", "#253494", "#081d58"],
  RdYlGn: ["#a50026", "#f46d43", "#fee08b", "#ffffbf", "#d9ef8b", "#66bd63", "#006837"],
  RdYlBu: ["#a50026", "#f46d43", "#fee090", "#ffffbf", "#e0f3f8", "#74add1", "#313695"],
  RdBu: ["#67001f", "#d6604d", "#fddbc7", "#f7f7f7", "#d1e5f0", "#4393c3", "#053061"],
  Spectral: ["#9e0142", "#f46d43", "#fee08b", "#ffffbf", "#e6f598", "#66c2a5", "#5e4fa2"],
  Viridis: ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"],
  Cividis: ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#fee838"],
  Turbo: ["#30123b", "#4662d7", "#36aaf9", "#1ae4b6", "#72fe5e", "#c7ef34", "#faba39", "#f66b19", "#ca2a04", "#7a0403"],
  Inferno: ["#000004", "#1f0c48", "#550f6d", "#88226a", "#ba3655", "#e35933", "#f98e09", "#f9cb35", "#fcffa4"],
};
const CONTINUOUS = {
  "continuous-GrYlRd": ["green", "yellow", "red"],
  "continuous-RdYlGr": ["red", "yellow", "green"],
  "continuous-BlYlRd": ["dark-blue", "super-light-yellow", "dark-red"],
  "continuous-YlRd": ["super-light-yellow", "dark-red"],
  "continuous-BlPu": ["blue", "purple"],
  "continuous-YlBl": ["super-light-yellow", "dark-blue"],
  "continuous-blues": ["super-light-blue", "dark-blue"],
  "continuous-reds": ["super-light-red", "dark-red"],
  "continuous-greens": ["super-light-green", "dark-green"],
  "continuous-purples": ["super-light-purple", "dark-purple"],
};

/** A colour of Grafana ("semi-dark-red", "text", "#abc", "rgb(…)") as CSS for `theme`, "light" or "dark". */
export function named(color, theme) {
  if (!color || color === "transparent") return color === "transparent" ? "rgba(0,0,0,0)" : TEXT[theme];
  if (color === "text" || color === "white" || color === "black") return TEXT[theme];
  if (color === "gray" || color === "grey") return theme === "dark" ? "#9aa5b4" : "#6b7685";
  const match = /^(?:(super-light|light|semi-dark|dark)-)?(green|yellow|orange|red|blue|purple)$/.exec(color);
  return match ? HUES[theme][match[2]][SHADES.indexOf(match[1] ?? "")] : color;
}

export const seriesColor = (index, theme) => SERIES[theme][index % SERIES[theme].length];

/** A stable place in the palette for a name, for palette-classic-by-name. */
export function indexOfName(name) {
  let hash = 0;
  for (const char of name) hash = (hash * 31 + char.codePointAt(0)) >>> 0;
  return hash;
}

/** [r, g, b] of "#rgb", "#rrggbb" or "rgb(…)"; null for anything else. */
export function rgb(color) {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(color)?.[1];
  if (hex) {
    const full = hex.length === 3 ? [...hex].map((digit) => digit + digit).join("") : hex;
    return [0, 2, 4].map((at) => Number.parseInt(full.slice(at, at + 2), 16));
  }
  const numbers = /^rgba?\(([^)]+)\)/
    .exec(color)?.[1]
    .split(/[ ,/]+/)
    .map(Number);
  return numbers && numbers.length >= 3 ? numbers.slice(0, 3) : null;
}

export function alpha(color, opacity) {
  const parts = rgb(color);
  return parts ? `rgba(${parts.join(",")},${opacity})` : color;
}

/** Black or white, whichever reads better on `color` (WCAG relative luminance). */
export function readableOn(color) {
  const linear = (rgb(color) ?? [0, 0, 0]).map((part) =>
    part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
  );
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return (luminance + 0.05) ** 2 > 1.05 * 0.05 ? "#10151c" : "#ffffff";
}

/** The colour at `at` (0 to 1) on a row of colours. */
export function blend(stops, at) {
  const place = Math.min(1, Math.max(0, Number.isFinite(at) ? at : 0)) * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(place));
  if (stops.length === 1) return stops[0];
  const [a, b] = [rgb(stops[index]), rgb(stops[index + 1])];
  if (!a || !b) return stops[Math.round(place)];
  return `rgb(${a.map((part, i) => Math.round(part + (b[i] - part) * (place - index))).join(",")})`;
}

const DIVERGING = ["RdYlGn", "RdYlBu", "RdBu", "Spectral"];
const PERCEPTUAL = ["Viridis", "Cividis", "Turbo", "Inferno"];

/** Stops of a heatmap's scheme from low to high as Grafana turns them: calm at the low end on either ground; null if not known. */
export function schemeStops(name, theme, reverse = false) {
  const stops = SCHEMES[name];
  if (!stops) return null;
  const turned = DIVERGING.includes(name) || (PERCEPTUAL.includes(name) ? theme === "light" : theme === "dark");
  return turned !== reverse ? [...stops].reverse() : stops;
}

export function continuousStops(mode, theme) {
  return CONTINUOUS[mode]?.map((color) => named(color, theme)) ?? null;
}
