"""grafanalib's classes, brought up to what Grafana 10 to 13 read.

grafanalib 0.7.1 still writes keys and option bodies of Grafana 7. Each class here is the one of the same name with
those dropped or replaced; nothing else in this package knows about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grafanalib import core

Json = dict[str, Any]

SCHEMA_VERSION = 41
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

_PANEL_KEYS = (
    *("type", "id", "title", "description", "datasource", "gridPos", "links", "targets", "transformations"),
    *("options", "fieldConfig", "repeat", "repeatDirection", "maxPerRow", "collapsed", "panels", "transparent"),
)
_DASHBOARD_KEYS = (
    *("id", "uid", "title", "description", "tags", "links", "editable", "graphTooltip", "refresh", "schemaVersion"),
    *("version", "time", "timepicker", "timezone", "annotations", "templating", "panels"),
)
# A null here means "from minus infinity", and not "unset".
_NULLS_MATTER = "steps"


def plain(value: Any) -> Any:
    """JSON values without grafanalib's objects; every dict and list is a copy, since extraJson shares its own."""
    if hasattr(value, "to_json_data"):
        return plain(value.to_json_data())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def set_only(value: Any) -> Any:
    """``value`` without keys that are null."""
    if isinstance(value, dict):
        return {
            key: item if key == _NULLS_MATTER else set_only(item) for key, item in value.items() if item is not None
        }
    return [set_only(item) for item in value] if isinstance(value, list) else value


def _current(body: Json) -> Json:
    """A panel's body with only the keys that Grafana still reads."""
    kept: Json = set_only({key: plain(body[key]) for key in _PANEL_KEYS if key in body})
    if kept["type"] == "text":
        del kept["fieldConfig"], kept["targets"]
    elif not kept["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        del kept["fieldConfig"]["defaults"]["thresholds"]
    return kept


class Target(core.Target):  # type: ignore[misc]  # grafanalib ships no types
    """A Prometheus query. ``exemplar`` asks for traces too, which only works on histogram buckets as scraped."""

    # Not a field of attrs: mypy would then take the fields of the untyped base for unknown ones.
    exemplar = False

    def to_json_data(self) -> Json:
        body = {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": self.expr,
            "format": self.format,
            "instant": self.instant,
            "range": not self.instant,
            "refId": self.refId,
        }
        if self.legendFormat:
            body["legendFormat"] = self.legendFormat
        if self.exemplar:
            body["exemplar"] = True
        return body


@dataclass(frozen=True, slots=True)
class Threshold:
    """``color`` from ``value`` upwards; the first step of a list has None, which is minus infinity."""

    value: float | None
    color: str

    def to_json_data(self) -> Json:
        return {"color": self.color, "value": self.value}


class _Panel:
    """First in the bases: lets grafanalib write the body, then keeps what is current."""

    def to_json_data(self) -> Json:
        return _current(super().to_json_data())  # type: ignore[misc]  # grafanalib's class is next in line


class TimeSeries(_Panel, core.TimeSeries):  # type: ignore[misc]  # grafanalib ships no types
    """Lines over time."""


class Stat(_Panel, core.Stat):  # type: ignore[misc]  # grafanalib ships no types
    """One number."""


class StateTimeline(_Panel, core.StateTimeline):  # type: ignore[misc]  # grafanalib ships no types
    """States over time, one bar a series."""


class Text(_Panel, core.Text):  # type: ignore[misc]  # grafanalib ships no types
    """Markdown."""


class Row(_Panel, core.RowPanel):  # type: ignore[misc]  # grafanalib ships no types
    """A heading; the panels of a collapsed row are inside it."""

    def to_json_data(self) -> Json:
        body = super().to_json_data()
        return {key: body[key] for key in ("collapsed", "gridPos", "id", "panels", "title", "type")}


class _Bare:
    """For classes whose body is of Grafana 7: writes the panel anew; options and fields come by extraJson."""

    kind: str

    def to_json_data(self) -> Json:
        return _current(self.panel_json({"type": self.kind}))  # type: ignore[attr-defined]  # of grafanalib's Panel


class Gauge(_Bare, core.GaugePanel):  # type: ignore[misc]  # grafanalib ships no types
    """One number on an arc."""

    kind = "gauge"


class BarGauge(_Bare, core.BarGauge):  # type: ignore[misc]  # grafanalib ships no types
    """One bar a series."""

    kind = "bargauge"


class Heatmap(_Bare, core.Heatmap):  # type: ignore[misc]  # grafanalib ships no types
    """Histogram buckets over time."""

    kind = "heatmap"


class Table(_Bare, core.Table):  # type: ignore[misc]  # grafanalib ships no types
    """Rows and columns."""

    kind = "table"


class Template(core.Template):  # type: ignore[misc]  # grafanalib ships no types
    """A variable: its query as an object, loaded again when the time range changes, "All" as Grafana writes it."""

    def to_json_data(self) -> Json:
        if self.type == "datasource":
            return {
                "current": {"selected": False, "text": "default", "value": "default"},
                "hide": self.hide,
                "includeAll": False,
                "label": self.label,
                "multi": False,
                "name": self.name,
                "options": [],
                "query": self.query,
                "refresh": 1,
                "regex": "",
                "type": "datasource",
            }
        text, value = (["All"], ["$__all"]) if self.multi else ("All", "$__all")
        every = {"selected": True, "text": text, "value": value}
        body = {
            "allValue": self.allValue,
            "current": every if self.includeAll else None,
            "datasource": DATASOURCE,
            "definition": self.query,
            "hide": self.hide,
            "includeAll": self.includeAll,
            "label": self.label,
            "multi": self.multi,
            "name": self.name,
            "options": [],
            "query": {"query": self.query, "refId": f"variable-{self.name}"},
            "refresh": 2,
            "regex": "",
            "sort": self.sort,
            "type": "query",
        }
        return dict(set_only(body))


class Dashboard(core.Dashboard):  # type: ignore[misc]  # grafanalib ships no types
    """A board without the keys of Grafana 4."""

    def to_json_data(self) -> Json:
        body = super().to_json_data()
        kept: Json = set_only({key: plain(body[key]) for key in _DASHBOARD_KEYS})
        kept["timepicker"] = {}
        return kept
