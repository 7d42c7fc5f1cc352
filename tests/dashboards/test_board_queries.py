"""Every query of the boards against the contract: no metric, label or record that nothing emits."""

from __future__ import annotations

import json
import re
from typing import Any

import promql_parser
import pytest

from modelwatch.dashboards.queries import drift, slo
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry.burn import BURN_ALERTS
from modelwatch.telemetry.labels import SCRAPE_LABELS
from modelwatch.telemetry.metrics import BY_SERIES
from modelwatch.telemetry.promql import ContractError
from modelwatch.telemetry.records import RECORD_BY_NAME

Json = dict[str, Any]
VARIABLE = re.compile(r"\$\{?(\w+)")
BUILT_IN = {"__rate_interval", "__range", "__url_time_range", "__data", "__field"}


def panels(board: Json) -> list[Json]:
    return [item for top in board["panels"] for item in (top, *top.get("panels", ()))]


def expressions(board: Json) -> list[str]:
    """Queries of panels, annotations and variables."""
    found = [target["expr"] for panel in panels(board) for target in panel.get("targets", ())]
    found += [entry["expr"] for entry in board["annotations"]["list"]]
    for variable in board["templating"]["list"][1:]:
        selected, _, label = variable["query"]["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
        found.append(f"count by ({label}) ({selected})")
    return found


def substitute(expr: str) -> str:
    for name, value in {"__rate_interval": "1m", "__range": "3h", "window": "15m"}.items():
        expr = re.sub(rf"\${name}\b", value, expr)
    return re.sub(r"\$\w+", ".+", expr)


def labels_of(name: str) -> set[str]:
    if name in RECORD_BY_NAME:
        return set(RECORD_BY_NAME[name].labels)
    bucket = {"le"} if name.endswith("_bucket") else set()
    return {*BY_SERIES[name].labels, *SCRAPE_LABELS, *bucket}


def selectors(node: Any) -> list[Any]:
    found: list[Any] = []

    def visit(expr: Any) -> bool:
        if isinstance(expr, promql_parser.MatrixSelector):
            found.append(expr.vector_selector)
        elif isinstance(expr, promql_parser.VectorSelector):
            found.append(expr)
        return True

    promql_parser.walk(node, visit)
    return found


def aggregations(node: Any) -> list[tuple[list[str], Any]]:
    """Labels that each aggregation keeps, and what it aggregates."""
    found: list[tuple[list[str], Any]] = []

    def visit(expr: Any) -> bool:
        if isinstance(expr, promql_parser.AggregateExpr) and expr.modifier is not None:
            found.append((expr.modifier.labels, expr.expr))
        return True

    promql_parser.walk(node, visit)
    return found


def outermost(node: Any) -> set[str]:
    """Labels of a query's result: those of the outermost aggregation, on the left of any operator."""
    match node:
        case promql_parser.AggregateExpr():
            # topk and its like hand on the labels of what they pick from.
            return set(node.modifier.labels) if node.modifier is not None else outermost(node.expr)
        case promql_parser.BinaryExpr():
            brought = node.modifier.group_labels if node.modifier is not None else []
            return (outermost(node.lhs) or outermost(node.rhs)).union(brought or [])
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            return outermost(node.expr)
        case promql_parser.Call():
            made = {node.args[1].val} if node.func.name == "label_replace" else set()
            return made.union(*(outermost(argument) for argument in node.args))
    return set()


def test_every_series_and_matcher_is_in_the_contract(boards: dict[str, Json]) -> None:
    for stem, board in boards.items():
        for expr in expressions(board):
            for selector in selectors(promql_parser.parse(substitute(expr))):
                assert selector.name in BY_SERIES or selector.name in RECORD_BY_NAME, (stem, expr)
                matched = {matcher.name for matcher in selector.matchers.matchers}
                assert matched <= labels_of(selector.name), (stem, expr)


def test_every_label_that_is_kept_exists(boards: dict[str, Json]) -> None:
    """An aggregation by a label that no series below it has would silently make one group."""
    for stem, board in boards.items():
        for expr in expressions(board):
            for kept, below in aggregations(promql_parser.parse(substitute(expr))):
                known = set().union(*(labels_of(selector.name) for selector in selectors(below)))
                assert set(kept) <= known, (stem, expr)


def test_legends_name_labels_that_the_query_keeps(boards: dict[str, Json]) -> None:
    """{{label}} would be empty otherwise."""
    for stem, board in boards.items():
        for panel in panels(board):
            for target in panel.get("targets", ()):
                kept = outermost(promql_parser.parse(substitute(target["expr"])))
                wanted = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
                assert wanted <= kept, (stem, panel["title"])


def test_a_table_has_a_column_for_each_label_that_its_queries_keep(boards: dict[str, Json]) -> None:
    """No more, which would be empty; no fewer, which would be columns without a title."""
    tables = [panel for board in boards.values() for panel in panels(board) if panel["type"] == "table"]
    assert len(tables) == 10
    for panel in tables:
        kept = set().union(*(outermost(promql_parser.parse(substitute(t["expr"]))) for t in panel["targets"]))
        shown = set(panel["transformations"][-1]["options"]["renameByName"])
        assert {name for name in shown if not name.startswith("Value")} == kept, panel["title"]


def test_every_variable_that_a_board_uses_is_its_own(boards: dict[str, Json]) -> None:
    """In queries, titles and links; a link may also use what the clicked row or series says."""
    for stem, board in boards.items():
        own = {variable["name"] for variable in board["templating"]["list"]} | BUILT_IN
        texts = expressions(board) + [panel["title"] for panel in panels(board)]
        for panel in panels(board):
            config = panel.get("fieldConfig", {"defaults": {}, "overrides": []})
            texts += [link["url"] for link in config["defaults"].get("links", ())]
            for override in config["overrides"]:
                texts += [
                    link["url"] for prop in override["properties"] if prop["id"] == "links" for link in prop["value"]
                ]
        assert {name for text in texts for name in VARIABLE.findall(text)} <= own, stem


def test_each_variable_is_narrowed_by_those_before_it(boards: dict[str, Json]) -> None:
    """Choosing an environment leaves its models, choosing a model leaves its versions, features and objectives."""
    chain = {"team": {"env"}, "model": {"env"}, "version": {"model"}, "slo": {"model"}, "feature": {"model"}}
    chain |= {"window": {"model"}, "stage": {"model"}}
    for board in boards.values():
        for variable in board["templating"]["list"][2:]:
            assert chain[variable["name"]] <= set(VARIABLE.findall(variable["definition"]))


def test_only_queries_on_buckets_as_scraped_ask_for_exemplars(boards: dict[str, Json]) -> None:
    """A recorded series has none."""
    asking = []
    for board in boards.values():
        for panel in panels(board):
            for target in panel.get("targets", ()):
                names = {selector.name for selector in selectors(promql_parser.parse(substitute(target["expr"])))}
                if target.get("exemplar"):
                    asking.append(panel["title"])
                    assert all(name.endswith("_bucket") for name in names)
    assert len(asking) >= 5


def test_histograms_are_only_read_where_one_model_is_chosen(boards: dict[str, Json]) -> None:
    """Over the fleet, quantiles come from recorded series."""
    names = {s.name for expr in expressions(boards["fleet"]) for s in selectors(promql_parser.parse(substitute(expr)))}
    assert not [name for name in names if name.endswith("_bucket")]
    for stem in set(boards) - {"fleet"}:
        model = next(v for v in boards[stem]["templating"]["list"] if v["name"] == "model")
        assert model["multi"] is False


def test_a_query_for_an_unknown_label_is_refused() -> None:
    """A typo stops the generator, not the person who looks at the board."""
    with pytest.raises(ContractError):
        drift.drift(m.DRIFT_SCORE, mehtod="psi")


def test_burn_thresholds_follow_the_window_of_the_slo() -> None:
    """2 % of the budget in an hour is 14.4 times the allowed speed over 30 days, and 3.36 over 7."""
    found = [slo.burn_threshold(alert) for alert in BURN_ALERTS]
    for period, factors in ((30, [14.4, 6, 3, 1]), (7, [3.36, 1.4, 0.7, 0.7 / 3])):
        record = slo.slo(slo.r.SLO_PERIOD)
        # Only multiplication and division are left once the record is put in.
        values = [eval(text.replace(record, str(period))) for text in found]
        assert values == pytest.approx(factors)


def test_what_says_now_is_an_instant_query(boards: dict[str, Json]) -> None:
    """The last step of a range query may be minutes old: a page that fires now would not be counted."""
    kinds = {"stat", "gauge", "bargauge", "table"}
    found = [panel for board in boards.values() for panel in panels(board) if panel["type"] in kinds]
    assert len(found) > 40
    for panel in found:
        for target in panel["targets"]:
            assert (target["instant"], target["range"]) == (True, False), panel["title"]
        # Nothing to draw behind one value.
        assert panel["options"].get("graphMode", "none") == "none", panel["title"]


def test_a_budget_that_is_overspent_reads_as_such_and_its_size_stands_beside_it(boards: dict[str, Json]) -> None:
    """-66,306 % reads as a fault of the board, and presses every other line of a graph into one."""
    told = []
    for board in boards.values():
        for panel in panels(board):
            text = json.dumps(panel.get("fieldConfig", {}))
            if any("slo:error_budget_remaining:ratio" in target["expr"] for target in panel.get("targets", ())):
                told.append(panel["title"])
                if panel["type"] == "timeseries":
                    assert all(target["expr"].startswith("clamp_min(") for target in panel["targets"])
                    assert "-100 % or less" in text
                elif panel["title"] not in ("Budgets spent", "Budget spent", "Budget gone in"):
                    assert '"text": "overspent"' in text, panel["title"]
    assert len(told) == 10
    row = next(panel for panel in panels(boards["slo"]) if panel["title"] == "Objectives")
    assert "Budget spent" in row["transformations"][-1]["options"]["renameByName"].values()
    tile = next(panel for panel in panels(boards["slo"]) if panel["title"] == "Budget spent")
    assert tile["targets"][0]["expr"].startswith("1 - ")


def test_a_batch_model_has_a_board_of_its_own(boards: dict[str, Json]) -> None:
    """Where requests are answered only those models can be chosen that answer any; rows of the fleet lead to either."""
    modes = {}
    for stem, board in boards.items():
        variable = next(v for v in board["templating"]["list"] if v["name"] == "model")
        modes[stem] = re.findall(r'mode="(\w+)"', variable["definition"])
    assert modes == {"fleet": [], "model": ["online"], "batch": ["batch"], "slo": [], "drift": [], "stages": ["online"]}
    scraped = {
        selector.name.rsplit("_", 1)[0] if selector.name.endswith("_bucket") else selector.name
        for expr in expressions(boards["batch"])
        for selector in selectors(promql_parser.parse(substitute(expr)))
    }
    assert not scraped & {m.PREDICTIONS.name, m.PREDICTION_DURATION.name, m.IN_FLIGHT.name, m.CONFIDENCE.name}
    leading = [
        prop["value"][0]["url"]
        for panel in panels(boards["fleet"])
        for override in panel.get("fieldConfig", {}).get("overrides", ())
        for prop in override["properties"]
        if prop["id"] == "links" and "modelwatch-${__data.fields.Board}" in prop["value"][0]["url"]
    ]
    assert len(leading) == 2
