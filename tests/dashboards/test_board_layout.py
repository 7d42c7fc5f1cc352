"""Where panels stand, and what all boards share."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.dashboards import generate
from modelwatch.dashboards import panels as p
from modelwatch.dashboards.layout import Cell, LayoutError, Section, Variable, dashboard, drill, panel_id
from modelwatch.model.types import Fleet
from modelwatch.telemetry import boards as contract
from modelwatch.telemetry.boards import Board

Json = dict[str, Any]


def flat(board: Json) -> list[Json]:
    return [item for top in board["panels"] for item in (top, *top.get("panels", ()))]


def overlapping(panels: list[Json]) -> list[tuple[str, str]]:
    """Pairs of panels that share a cell of the grid."""
    taken: dict[tuple[int, int], str] = {}
    found = []
    for panel in panels:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if (x, y) in taken:
                    found.append((taken[x, y], panel["title"]))
                taken[x, y] = panel["title"]
    return found


def test_files_are_named_after_boards_of_the_contract(fleet: Fleet, boards: dict[str, Json]) -> None:
    """Alerts link to boards by uid, so a board that moved would break them."""
    assert list(generate(fleet)) == [f"grafana/dashboards/{board.stem}.json" for board in contract.BOARDS]
    for board in contract.BOARDS:
        made = boards[board.stem]
        assert (made["uid"], made["title"]) == (f"modelwatch-{board.stem}", board.title)
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", made["uid"])
        assert tuple(variable["name"] for variable in made["templating"]["list"]) == board.variables


def test_panels_have_ids_of_their_own_and_do_not_overlap(boards: dict[str, Json]) -> None:
    for board in boards.values():
        ids = [panel["id"] for panel in flat(board)]
        assert len(ids) == len(set(ids))
        assert overlapping(board["panels"]) == []
        for row in (panel for panel in board["panels"] if panel["type"] == "row"):
            assert overlapping(row["panels"]) == []
        assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in flat(board))


def test_boards_share_time_crosshair_refresh_tag_and_menu(boards: dict[str, Json]) -> None:
    for board in boards.values():
        assert board["graphTooltip"] == 1
        assert board["refresh"] == "30s"
        assert 39 <= board["schemaVersion"] <= 42
        menu = board["links"][0]
        assert (menu["type"], menu["tags"], menu["includeVars"], menu["keepTime"]) == (
            "dashboards",
            board["tags"],
            True,
            True,
        )
        assert "id" not in board


def test_alerts_that_fired_are_marked_on_every_board(boards: dict[str, Json]) -> None:
    for board in boards.values():
        (annotation,) = board["annotations"]["list"]
        assert "(ALERTS{" in annotation["expr"]
        assert annotation["enable"] is True


def test_ratios_and_rates_start_at_zero(boards: dict[str, Json]) -> None:
    """Only what can be negative may go below."""
    may = {"Error budgets that are lowest", "Error budget left over time"}
    for board in boards.values():
        for panel in flat(board):
            if panel["type"] == "timeseries":
                low = panel["fieldConfig"]["defaults"].get("min")
                assert low is None if panel["title"] in may else low == 0, panel["title"]


def test_an_outcome_has_the_same_colour_wherever_it_is_drawn(boards: dict[str, Json]) -> None:
    by_outcome = 0
    for board in boards.values():
        for panel in flat(board):
            legends = {target.get("legendFormat") for target in panel.get("targets", ())}
            if "{{outcome}}" not in legends:
                continue
            by_outcome += 1
            colours = {
                override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
                for override in panel["fieldConfig"]["overrides"]
            }
            assert {key: colours[key] for key in p.OUTCOMES} == p.OUTCOMES
    assert by_outcome == 4


def test_the_text_is_canonical(fleet: Fleet) -> None:
    """Keys are sorted and indented, so that a change of one panel is a diff of that panel."""
    for text in generate(fleet).values():
        assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_runbooks_follow_the_address_that_a_person_uses(fleet: Fleet, boards: dict[str, Json]) -> None:
    for board in boards.values():
        assert board["links"][1]["url"] == fleet.stack.runbooks
    links = [
        link["url"]
        for panel in flat(boards["fleet"])
        for override in panel.get("fieldConfig", {}).get("overrides", ())
        for prop in override["properties"]
        if prop["id"] == "links"
        for link in prop["value"]
    ]
    assert f"{fleet.stack.runbooks}/${{__data.fields.Model}}/${{__data.fields.Alert}}" in links


def test_drill_downs_keep_the_time_range_and_lead_to_boards_that_exist(boards: dict[str, Json]) -> None:
    known = {board.uid: board.variables for board in contract.BOARDS}
    found = re.findall(r'"/d/([a-z-]+)\?([^"]*)"', json.dumps(list(boards.values())))
    assert len(found) > 10
    for uid, query in found:
        assert query.startswith("${__url_time_range}&${datasource:queryparam}&var-")
        assert set(re.findall(r"var-(\w+)=", query)) <= set(known[uid])


def test_a_link_to_a_variable_that_the_board_lacks_is_refused() -> None:
    with pytest.raises(LayoutError, match="board slo has no variable feature"):
        drill(contract.SLO, "x", feature="y")


BOARD = Board("x", "X", ("datasource", "model"))
MODEL = Variable("model", "Model", "label_values(up, model)")


def made(*sections: Section) -> Json:
    text = dashboard(BOARD, "A board.", [MODEL], sections, since="1h", runbooks="http://127.0.0.1:3000/runbooks")
    return dict(json.loads(text))


def test_two_panels_of_one_title_are_refused() -> None:
    """A panel's id is made of its title, so that links to it last."""
    cells = [Cell(p.text("same", "a"), 12, 3), Cell(p.text("same", "b"), 12, 3)]
    with pytest.raises(LayoutError, match="two panels with one id"):
        made(Section("", cells))


def test_a_panel_keeps_its_id_when_others_come_before_it() -> None:
    one, two = Cell(p.text("one", ""), 6, 2), Cell(p.text("two", ""), 6, 2)
    assert made(Section("", [two]))["panels"][0]["id"] == made(Section("", [one, two]))["panels"][1]["id"]
    assert made(Section("", [two]))["panels"][0]["id"] == panel_id("two")


def test_a_board_that_lacks_a_promised_variable_is_refused() -> None:
    with pytest.raises(LayoutError, match="promises the variables datasource, model"):
        dashboard(BOARD, "A board.", [], [], since="1h", runbooks="")


sizes = st.lists(st.tuples(st.integers(1, 24), st.integers(1, 12)), max_size=12)


@given(st.lists(st.tuples(sizes, st.booleans(), st.booleans()), max_size=4))
def test_panels_never_overlap_whatever_their_sizes(shapes: list[tuple[list[tuple[int, int]], bool, bool]]) -> None:
    sections = [
        Section(
            f"row {row}" if titled else "",
            [Cell(p.text(f"{row} {index}", ""), width, height) for index, (width, height) in enumerate(cells)],
            collapsed=collapsed,
        )
        for row, (cells, titled, collapsed) in enumerate(shapes)
    ]
    board = made(*sections)
    assert overlapping(board["panels"]) == []
    assert all(overlapping(panel.get("panels", [])) == [] for panel in board["panels"])
    assert len([panel for panel in flat(board) if panel["type"] == "text"]) == sum(len(cells) for cells, _, _ in shapes)
