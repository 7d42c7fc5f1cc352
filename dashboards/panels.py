"""The kinds of panel that the boards are made of, each with the looks that all boards share.

Only row, timeseries, stat, gauge, bargauge, table, state-timeline, heatmap and text: what Grafana and the preview draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Literal, TypeVar

from grafanalib import core

from modelwatch.dashboards import grafana
from modelwatch.dashboards.grafana import Json, Threshold

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "text"
# For what is neither good nor bad: there is nothing to tell.
DIM = "#8e9aa8"
# The same colour for the same outcome on every board.
OUTCOMES = {"success": GREEN, "error": RED, "accepted": GREEN, "sent": GREEN, "rejected": RED, "dropped": ORANGE}
PLAIN = (Threshold(None, GREEN),)

_Panel = TypeVar("_Panel")

# Units, by Grafana's ids.
RATIO, SECONDS, DAYS, REQUESTS, NUMBER, SHORT, TEXT, TIME = (
    *("percentunit", "s", "d", "reqps", "none", "short", "string", "dateTimeAsIso"),
)


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel. ``legend`` is Grafana's template; ``dashed`` draws a threshold line in that colour."""

    expr: str
    legend: str = ""
    exemplar: bool = False
    dashed: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link from a value to another page."""

    title: str
    url: str

    def to_json_data(self) -> Json:
        return {"targetBlank": False, "title": self.title, "url": self.url}


def above(*steps: tuple[float, str], base: str = GREEN) -> tuple[Threshold, ...]:
    """Colours from a value upwards, ``base`` below the first."""
    return (Threshold(None, base), *(Threshold(value, color) for value, color in steps))


def value_map(texts: Mapping[str, tuple[str, str]]) -> list[Json]:
    """Text and colour for each value: ``{"0": ("down", RED)}``."""
    shown = {
        value: {"color": color, "index": index, "text": text}
        for index, (value, (text, color)) in enumerate(texts.items())
    }
    return [{"options": shown, "type": "value"}]


def range_map(low: float, high: float, text: str, color: str) -> list[Json]:
    """Text and colour of all values from ``low`` to ``high``."""
    return [
        {"options": {"from": low, "result": {"color": color, "index": 0, "text": text}, "to": high}, "type": "range"}
    ]


def timeseries(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    minimum: float | None = 0,
    maximum: float | None = None,
    stacked: bool = False,
    colors: Mapping[str, str] | None = None,
    lines: Sequence[Threshold] = (),
    links: Sequence[Link] = (),
    no_value: str = "no data",
    decimals: int | None = None,
    repeat: str | None = None,
    mappings: Sequence[Json] = (),
) -> grafana.TimeSeries:
    """Lines over time. ``lines`` are fixed thresholds, drawn dashed."""
    return grafana.TimeSeries(
        title=title,
        description=description,
        dataSource=grafana.DATASOURCE,
        targets=_targets(queries),
        unit=unit,
        valueDecimals=decimals,
        thresholds=list(lines or PLAIN),
        thresholdsStyleMode="dashed" if lines else "off",
        fillOpacity=25 if stacked else 5,
        lineWidth=1 if stacked else 2,
        showPoints="never",
        stacking={"group": "A", "mode": "normal" if stacked else "none"},
        mappings=list(mappings),
        tooltipMode="multi",
        tooltipSort="desc",
        legendCalcs=["lastNotNull", "max"],
        maxDataPoints=None,
        overrides=[
            *(override("byName", name, color=_fixed(color)) for name, color in sorted((colors or {}).items())),
            *(_dashed(letter, query.dashed) for letter, query in lettered(queries) if query.dashed),
        ],
        repeat=core.Repeat("h", repeat, 3) if repeat else core.Repeat(),
        extraJson={
            "fieldConfig": {"defaults": {"links": list(links), "max": maximum, "min": minimum, "noValue": no_value}},
            "options": {"legend": {"showLegend": True}},
        },
    )


def stat(
    title: str,
    description: str,
    unit: str,
    expr: str,
    *,
    steps: Sequence[Threshold] = PLAIN,
    decimals: int | None = None,
    no_value: str = "no data",
    links: Sequence[Link] = (),
    mappings: Sequence[Json] = (),
) -> grafana.Stat:
    """One number, as it is at the end of the time range.

    Never drawn from a range query: its last step may be minutes old, and on a long range a page that fires now would
    not be counted. One query gives Grafana either the newest value or a course, so there is no line behind the number;
    the graphs below tell how it went.
    """
    return grafana.Stat(
        title=title,
        description=description,
        dataSource=grafana.DATASOURCE,
        targets=_targets([Query(expr)], instant=True),
        format=unit,
        decimals=decimals,
        reduceCalc="lastNotNull",
        noValue=no_value,
        thresholds=list(steps),
        mappings=list(mappings),
        graphMode="none",
        textMode="value",
        color={"mode": "thresholds"},
        maxDataPoints=None,
        extraJson={
            "fieldConfig": {"defaults": {"links": list(links)}},
            "options": {"percentChangeColorMode": "standard", "showPercentChange": False, "wideLayout": True},
        },
    )


def gauge(
    title: str,
    description: str,
    unit: str,
    expr: str,
    *,
    steps: Sequence[Threshold],
    minimum: float = 0,
    maximum: float = 1,
    decimals: int | None = None,
    no_value: str = "no data",
    mappings: Sequence[Json] = (),
) -> grafana.Gauge:
    """One number on an arc from ``minimum`` to ``maximum``."""
    fields = _fields(
        unit, steps, decimals=decimals, no_value=no_value, minimum=minimum, maximum=maximum, mappings=mappings
    )
    options: Json = {
        "minVizHeight": 75,
        "minVizWidth": 75,
        "orientation": "auto",
        "reduceOptions": _reduce(),
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
        "sizing": "auto",
    }
    return bare(grafana.Gauge, title, description, [Query(expr)], fields=fields, options=options, instant=True)


def bargauge(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: Sequence[Threshold] = PLAIN,
    minimum: float | None = 0,
    maximum: float | None = None,
    decimals: int | None = None,
    links: Sequence[Link] = (),
    no_value: str = "no data",
) -> grafana.BarGauge:
    """One lying bar a series, of the newest values."""
    fields = _fields(unit, steps, decimals=decimals, no_value=no_value, minimum=minimum, maximum=maximum, links=links)
    options: Json = {
        "displayMode": "basic",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 300,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "left",
        "orientation": "horizontal",
        "reduceOptions": _reduce(),
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    return bare(grafana.BarGauge, title, description, queries, fields=fields, options=options, instant=True)


def heatmap(
    title: str,
    description: str,
    unit: str,
    expr: str,
    *,
    exemplar: bool = False,
    links: Sequence[Link] = (),
    no_value: str = "no data",
) -> grafana.Heatmap:
    """Buckets of a histogram over time; ``expr`` keeps the label le."""
    options: Json = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": SHORT},
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": False,
            "scale": "exponential",
            "scheme": "Spectral",
            "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    custom = {"hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"}}
    fields: Json = {"defaults": {"custom": custom, "links": list(links), "noValue": no_value}, "overrides": []}
    query = Query(expr, "{{le}}", exemplar=exemplar)
    return bare(grafana.Heatmap, title, description, [query], fields=fields, options=options, result="heatmap")


def state_timeline(
    title: str, description: str, *queries: Query, mappings: Sequence[Json], links: Sequence[Link] = (), no_value: str
) -> grafana.StateTimeline:
    """States over time, one bar a series."""
    return grafana.StateTimeline(
        title=title,
        description=description,
        dataSource=grafana.DATASOURCE,
        targets=_targets(queries),
        mappings=list(mappings),
        thresholds=list(PLAIN),
        mergeValues=True,
        showValue="never",
        maxDataPoints=None,
        extraJson={
            "fieldConfig": {"defaults": {"links": list(links), "noValue": no_value, "unit": NUMBER}},
            "options": {"legend": {"calcs": [], "showLegend": True}, "tooltip": {"mode": "single", "sort": "none"}},
        },
    )


def text(title: str, content: str) -> grafana.Text:
    """Markdown that explains a board."""
    return grafana.Text(title=title, content=content, mode="markdown", maxDataPoints=None)


def lettered(queries: Sequence[Query]) -> Iterator[tuple[str, Query]]:
    """Grafana's refIds: A, B, C and so on."""
    return zip(ascii_uppercase[: len(queries)], queries, strict=True)


def _targets(queries: Sequence[Query], *, instant: bool = False, result: str = "time_series") -> list[grafana.Target]:
    targets = []
    for letter, query in lettered(queries):
        target = grafana.Target(
            expr=query.expr, legendFormat=query.legend, format=result, instant=instant, refId=letter
        )
        target.exemplar = query.exemplar
        targets.append(target)
    return targets


def bare(
    kind: Callable[..., _Panel],
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    fields: Json,
    options: Json,
    instant: bool = False,
    result: Literal["time_series", "heatmap", "table"] = "time_series",
) -> _Panel:
    """A panel of one of the kinds whose fields and options are written here in full."""
    return kind(
        title=title,
        description=description,
        dataSource=grafana.DATASOURCE,
        targets=_targets(queries, instant=instant, result=result),
        maxDataPoints=None,
        thresholds=[],
        extraJson={"fieldConfig": fields, "options": options},
    )


def _fields(
    unit: str,
    steps: Sequence[Threshold],
    *,
    decimals: int | None,
    no_value: str,
    minimum: float | None,
    maximum: float | None,
    links: Sequence[Link] = (),
    mappings: Sequence[Json] = (),
) -> Json:
    defaults = {
        "color": {"mode": "thresholds"},
        "decimals": decimals,
        "links": list(links),
        "mappings": list(mappings),
        "max": maximum,
        "min": minimum,
        "noValue": no_value,
        "thresholds": {"mode": "absolute", "steps": list(steps)},
        "unit": unit,
    }
    return {"defaults": defaults, "overrides": []}


def _reduce() -> Json:
    return {"calcs": ["lastNotNull"], "fields": "", "values": False}


def _fixed(color: str) -> Json:
    return {"fixedColor": color, "mode": "fixed"}


def override(matcher: str, which: str, **properties: Any) -> Json:
    """Properties of the fields that the matcher picks."""
    return {
        "matcher": {"id": matcher, "options": which},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def _dashed(letter: str, color: str) -> Json:
    style = {
        "color": _fixed(color),
        "custom.fillOpacity": 0,
        "custom.lineStyle": {"dash": [10, 10], "fill": "dash"},
        "custom.lineWidth": 1,
        "custom.stacking": {"group": "B", "mode": "none"},
    }
    return override("byFrameRefID", letter, **style)
