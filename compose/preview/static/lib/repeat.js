// Panels that repeat: one for each selected value of a variable, laid out as Grafana does.

const COLUMNS = 24;

/** Values that a panel repeated by `name` is drawn for; [] where the variable has none. */
function valuesOf(variables, name) {
  const variable = variables.get(name);
  return variable ? [variable.value].flat().filter((value) => value !== "") : [];
}

function copies({ gridPos, maxPerRow = 4, repeatDirection = "h" }, count) {
  const { x = 0, y = 0, w = COLUMNS, h = 8 } = gridPos ?? {};
  if (repeatDirection === "v") return Array.from({ length: count }, (_, i) => ({ x, y: y + i * h, w, h }));
  const width = Math.floor(Math.max(COLUMNS / count, COLUMNS / maxPerRow));
  const inRow = Math.floor(COLUMNS / width);
  return Array.from({ length: count }, (_, i) => ({
    x: (i % inRow) * width,
    y: y + Math.floor(i / inRow) * h,
    w: width,
    h,
  }));
}

/**
 * Panels of one section with repeated ones multiplied and what stands below them moved down.
 * Each has a `key` of its own; a repeated one has `scoped: {name, value}`.
 */
export function expand(panels, variables) {
  let current = panels.map((panel) => ({ ...panel, key: String(panel.id) }));
  for (const panel of current.filter(({ repeat }) => repeat)) {
    const values = valuesOf(variables, panel.repeat);
    if (!values.length) continue;
    const places = copies(panel, values.length);
    const bottom = (panel.gridPos?.y ?? 0) + (panel.gridPos?.h ?? 8);
    const extra = Math.max(...places.map(({ y, h }) => y + h)) - bottom;
    const made = values.map((value, i) => ({
      ...panel,
      key: i ? `${panel.id}-clone-${i}` : panel.key,
      gridPos: places[i],
      scoped: { name: panel.repeat, value },
    }));
    current = current.flatMap((other) => {
      if (other === panel) return made;
      const below = (other.gridPos?.y ?? 0) >= bottom;
      return [below ? { ...other, gridPos: { ...other.gridPos, y: other.gridPos.y + extra } } : other];
    });
  }
  return current;
}

/** The variables as a repeated panel sees them: its own one has a single value. */
export function scopedVariables(variables, scoped) {
  const variable = scoped && variables.get(scoped.name);
  if (!variable) return variables;
  const { name, value } = scoped;
  const text = variable.options.find((option) => option.value === value)?.text ?? value;
  return new Map(variables).set(name, {
    ...variable,
    value: variable.multi ? [value] : value,
    selected: [value],
    all: false,
    text,
  });
}
