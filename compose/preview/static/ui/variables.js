// The pickers for template variables.

import { ALL } from "../lib/variables.js";
import { h, icon } from "./dom.js";
import { popover } from "./popover.js";

const MANY = 8;

/** Values after a click on `value`: "All" stands alone, and nothing at all means "All" where there is one. */
export function choose({ multi, includeAll }, selected, value) {
  if (!multi || value === ALL) return [value];
  const rest = selected.filter((one) => one !== ALL);
  const next = rest.includes(value) ? rest.filter((one) => one !== value) : [...rest, value];
  if (next.length) return next;
  return includeAll ? [ALL] : selected;
}

function optionList(variable, selected, chosen) {
  const options = [...(variable.includeAll ? [{ value: ALL, text: "All" }] : []), ...variable.options];
  // A value from the address that Prometheus does not know is shown too, or it could not be taken away.
  for (const value of selected)
    if (!options.some((option) => option.value === value)) options.push({ value, text: value });
  const name = `choice-${variable.name}`;
  const list = h("div", {
    class: "options",
    role: variable.multi ? "group" : "radiogroup",
    "aria-label": variable.name,
  });
  const fill = (filter) => {
    const shown = options.filter(({ text }) => text.toLowerCase().includes(filter.toLowerCase()));
    list.replaceChildren(
      ...shown.map(({ value, text }) => {
        const input = h("input", { type: variable.multi ? "checkbox" : "radio", name, value });
        input.checked = selected.includes(value);
        input.addEventListener("change", () => {
          selected.splice(0, selected.length, ...choose(variable, selected, value));
          for (const other of list.querySelectorAll("input")) other.checked = selected.includes(other.value);
          chosen();
        });
        return h("label", { class: "option" }, input, h("span", {}, text));
      }),
      shown.length
        ? ""
        : h("p", { class: "muted" }, options.length ? "Nothing fits." : "Prometheus has no values for it."),
    );
  };
  fill("");
  const search = h("input", {
    type: "search",
    placeholder: "Search",
    "aria-label": `Search ${variable.name}`,
    autofocus: true,
    oninput: () => fill(search.value),
  });
  return options.length > MANY ? [search, list] : [list];
}

function picker(variable, label, change) {
  let selected = [];
  const button = h(
    "button",
    { type: "button", class: "button variable" },
    h("span", { class: "variable-label" }, label),
    h("span", { class: "variable-value" }, variable.text || "none"),
    icon("down", 14),
  );
  const content = (close) => {
    selected = [...variable.selected];
    const list = optionList(variable, selected, () => {
      if (!variable.multi) close();
    });
    return list;
  };
  const closed = () => {
    if (selected.join("\n") !== variable.selected.join("\n")) change(variable.name, selected);
  };
  return popover(button, content, label || variable.name, closed);
}

function textbox(variable, label, change) {
  const input = h("input", {
    type: "text",
    value: variable.value,
    onchange: () => change(variable.name, [input.value]),
  });
  return h("label", { class: "button variable" }, h("span", { class: "variable-label" }, label), input);
}

/** Elements for all variables that are shown; `change(name, values)` is called on a new choice. */
export function variableBar(variables, change) {
  return [...variables.values()].flatMap((variable) => {
    const { hide, type, label, name } = variable.definition;
    if (hide === 2 || type === "datasource" || type === "constant") return [];
    const shown = hide === 1 ? "" : label || name;
    return type === "textbox" ? [textbox(variable, shown, change)] : picker(variable, shown, change);
  });
}
