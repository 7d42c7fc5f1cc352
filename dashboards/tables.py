"""Tables: rows of the newest values, with columns in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelwatch.dashboards import grafana
from modelwatch.dashboards.grafana import Json, Threshold
from modelwatch.dashboards.panels import PLAIN, SHORT, TEXT, Link, Query, bare, lettered, override


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the ``field`` of the query's result (a label, or a query's letter), and how it is shown.

    One that is ``hidden`` is only there for links of its row.
    """

    field: str
    title: str
    unit: str = TEXT
    decimals: int | None = None
    steps: Sequence[Threshold] = ()
    mappings: Sequence[Json] = ()
    link: Link | None = None
    bar: bool = False
    width: int | None = None
    hidden: bool = False


def table(
    title: str,
    description: str,
    queries: Sequence[Query],
    columns: Sequence[Column],
    *,
    sort: str = "",
    descending: bool = False,
    no_value: str = "no data",
) -> grafana.Table:
    """Rows of the newest values; those of several queries are joined where their labels agree.

    ``no_value`` stands in place of the table where there is no row.
    """
    letters = [letter for letter, _ in lettered(queries)]
    fields = {letter: "Value" if len(letters) == 1 else f"Value #{letter}" for letter in letters}
    shown = [fields.get(column.field, column.field) for column in columns]
    hidden = ["Time", *(field for field in fields.values() if field not in shown)]
    organize = {
        "excludeByName": dict.fromkeys(hidden, True),
        "indexByName": {field: index for index, field in enumerate(shown)},
        "renameByName": {field: column.title for field, column in zip(shown, columns, strict=True)},
    }
    field_config: Json = {
        "defaults": {
            "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False},
            "noValue": no_value,
            "thresholds": {"mode": "absolute", "steps": list(PLAIN)},
            "unit": SHORT,
        },
        "overrides": [_column(column) for column in columns],
    }
    options: Json = {
        "cellHeight": "sm",
        "frameIndex": 0,
        "showHeader": True,
        "sortBy": [{"desc": descending, "displayName": sort}] if sort else [],
    }
    panel = bare(
        grafana.Table, title, description, queries, fields=field_config, options=options, instant=True, result="table"
    )
    panel.transformations = [
        *([{"id": "merge", "options": {}}] if len(letters) > 1 else []),
        {"id": "organize", "options": organize},
    ]
    return panel


def _column(column: Column) -> Json:
    # An empty cell stays empty: what the table says when it has no row is none of its cells' business.
    properties: Json = {"unit": column.unit, "noValue": ""}
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.width is not None:
        properties["custom.width"] = column.width
    if column.hidden:
        properties["custom.hidden"] = True
    if column.link is not None:
        properties["links"] = [column.link]
    if column.mappings:
        properties["mappings"] = list(column.mappings)
    if column.steps:
        properties["thresholds"] = {"mode": "absolute", "steps": list(column.steps)}
    if column.bar:
        properties["custom.cellOptions"] = {"mode": "basic", "type": "gauge", "valueDisplayMode": "text"}
        properties["min"], properties["max"] = 0, 1
    elif column.steps or column.mappings:
        properties["custom.cellOptions"] = {"type": "color-text"}
    return override("byName", column.title, **properties)
