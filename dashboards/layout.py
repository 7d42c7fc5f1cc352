"""Where panels stand on a board, and what all boards share: variables, links between boards, alerts as annotations."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import attr
from grafanalib import core

from modelwatch.dashboards import grafana
from modelwatch.dashboards.panels import Link
from modelwatch.dashboards.queries.common import SEVERITY_RANK, firing_marks
from modelwatch.emit import to_json
from modelwatch.telemetry.boards import Board

TAG = "modelwatch"
_COLUMNS = 24
_SHARED_CROSSHAIR = 1


class LayoutError(Exception):
    """A board whose panels do not fit, or share an id."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A panel and its size: ``width`` of 24 columns, ``height`` of 30 pixels each."""

    panel: Any
    width: int
    height: int


def cells(width: int, height: int, *panels: Any) -> list[Cell]:
    """Panels of one size."""
    return [Cell(panel, width, height) for panel in panels]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the panels under it, set from left to right. Without a title there is no heading."""

    title: str
    cells: Sequence[Cell]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """One drop-down. ``query`` is Grafana's label_values(...); ``all_value`` replaces the list of all options."""

    name: str
    label: str
    query: str
    multi: bool = True
    all_value: str | None = None


def panel_id(title: str) -> int:
    """From the title alone, so that adding a panel changes no other and links to one panel last."""
    return 1 + zlib.crc32(title.encode()) % 999_983


def dashboard(
    board: Board,
    description: str,
    variables: Sequence[Variable],
    sections: Sequence[Section],
    *,
    since: str,
    runbooks: str,
    marks: Sequence[str] = tuple(SEVERITY_RANK),
) -> str:
    """The board's JSON.

    ``since`` is how far it looks back at first; ``runbooks`` is the address that lists them; alerts whose severity is
    in ``marks`` are marked on every graph.
    """
    if ("datasource", *(variable.name for variable in variables)) != board.variables:
        raise LayoutError(f"board {board.stem} promises the variables {', '.join(board.variables)}")
    placed = list(_place(sections))
    ids = [panel.id for panel in placed] + [inner.id for panel in placed for inner in getattr(panel, "panels", ())]
    if len(ids) != len(set(ids)):
        raise LayoutError(f"board {board.stem} has two panels with one id: give each panel a title of its own")
    return to_json(
        grafana.Dashboard(
            title=board.title,
            uid=board.uid,
            description=description,
            tags=[TAG],
            editable=False,
            graphTooltip=_SHARED_CROSSHAIR,
            refresh="30s",
            schemaVersion=grafana.SCHEMA_VERSION,
            timezone="browser",
            time=core.Time(f"now-{since}", "now"),
            version=1,
            links=[_boards_menu(), _runbooks_link(runbooks)],
            annotations=core.Annotations([_alerts(marks)]),
            templating=core.Templating([_datasource(), *(_template(variable) for variable in variables)]),
            panels=placed,
        ).to_json_data()
    )


def drill(board: Board, title: str, **variables: str) -> Link:
    """A link to another board that keeps the time range and the data source; values may be Grafana's templates."""
    known = {"datasource", *variables} - set(board.variables)
    if known:
        raise LayoutError(f"board {board.stem} has no variable {', '.join(sorted(known))}")
    filled = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return Link(title, f"/d/{board.uid}?${{__url_time_range}}&${{datasource:queryparam}}{filled}")


def _place(sections: Sequence[Section]) -> Iterator[Any]:
    y = 0
    for section in sections:
        if section.title:
            heading = grafana.Row(title=section.title, id=panel_id(f"row {section.title}"), collapsed=section.collapsed)
            heading.gridPos = core.GridPos(h=1, w=_COLUMNS, x=0, y=y)
            y += 1
        inner, bottom = _flow(section.cells, y)
        if section.title and section.collapsed:
            heading.panels = inner
            yield heading
            continue
        if section.title:
            yield heading
        yield from inner
        y = bottom


def _flow(cells: Sequence[Cell], y: int) -> tuple[list[Any], int]:
    placed, x, height = [], 0, 0
    for cell in cells:
        if x + cell.width > _COLUMNS:
            x, y, height = 0, y + height, 0
        position = core.GridPos(h=cell.height, w=cell.width, x=x, y=y)
        placed.append(attr.evolve(cell.panel, gridPos=position, id=panel_id(cell.panel.title)))
        x, height = x + cell.width, max(height, cell.height)
    return placed, y + height


def _datasource() -> grafana.Template:
    return grafana.Template(name="datasource", label="Data source", query="prometheus", type="datasource")


def _template(variable: Variable) -> grafana.Template:
    return grafana.Template(
        name=variable.name,
        label=variable.label,
        query=variable.query,
        multi=variable.multi,
        includeAll=variable.multi,
        allValue=variable.all_value,
        sort=core.SORT_ALPHA_ASC,
    )


def _boards_menu() -> core.DashboardLink:
    return core.DashboardLink(
        asDropdown=True, includeVars=True, keepTime=True, tags=[TAG], title="Boards", type="dashboards"
    )


def _runbooks_link(address: str) -> core.DashboardLink:
    return core.DashboardLink(
        icon="doc",
        keepTime=False,
        title="Runbooks",
        tooltip="What each alert means and what to do",
        type="link",
        uri=address,
    )


def _alerts(severities: Sequence[str]) -> grafana.Json:
    """Firing alerts as marks on every graph of the board."""
    return {
        "datasource": grafana.DATASOURCE,
        "enable": True,
        "expr": firing_marks(severities),
        "hide": False,
        "iconColor": "red",
        "name": "Firing alerts",
        "step": "60s",
        "tagKeys": "severity",
        "textFormat": "{{model}}",
        "titleFormat": "{{alertname}}",
        "useValueForTime": False,
    }
