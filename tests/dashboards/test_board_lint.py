"""The 17 rules of Grafana's dashboard-linter, each as a test; what is excluded says why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest

from modelwatch.telemetry.metrics import BY_SERIES, MetricType

Json = dict[str, Any]

# The linter wants job and instance on every board and in every selector.
JOB_AND_INSTANCE = (
    "recorded series carry only model and slo, and several models may share one job: the label model chooses, "
    "and the models to choose from come from model:spec:info"
)
EXCLUDED = {
    "template-job-rule": JOB_AND_INSTANCE,
    "template-instance-rule": JOB_AND_INSTANCE,
    "target-job-rule": JOB_AND_INSTANCE,
    "target-instance-rule": JOB_AND_INSTANCE,
    "target-logql-rule": "no board reads Loki",
    "target-logql-auto-rule": "no board reads Loki",
}
# Panels that draw no data.
SILENT = {"row", "text"}

UNITS = {"percentunit", "s", "d", "reqps", "none", "short", "string", "dateTimeAsIso"}


def panels(board: Json) -> Iterator[Json]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def drawn(boards: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    for stem, board in boards.items():
        for panel in panels(board):
            if panel["type"] not in SILENT:
                yield f"{stem}: {panel['title']}", panel


def targets(boards: dict[str, Json]) -> Iterator[tuple[str, str]]:
    for where, panel in drawn(boards):
        for target in panel["targets"]:
            yield where, target["expr"]


def substitute(expr: str) -> str:
    """A query as Prometheus would get it."""
    for name, value in {"__rate_interval": "1m", "__range": "3h", "window": "15m"}.items():
        expr = re.sub(rf"\${name}\b", value, expr)
    return re.sub(r"\$\w+", ".+", expr)


def calls(node: Any) -> Iterator[tuple[str | None, Any]]:
    """Every selector of a parsed query, with the name of the function that it is the direct argument of."""
    stack: list[tuple[str | None, Any]] = [(None, node)]
    while stack:
        function, current = stack.pop()
        match current:
            case promql_parser.VectorSelector() | promql_parser.MatrixSelector():
                yield function, current
            case promql_parser.Call():
                stack += [(current.func.name, argument) for argument in current.args]
            case promql_parser.AggregateExpr():
                stack.append((None, current.expr))
            case promql_parser.BinaryExpr():
                stack += [(None, current.lhs), (None, current.rhs)]
            case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
                stack.append((function, current.expr))


def selector_name(selector: Any) -> str:
    vector = selector.vector_selector if isinstance(selector, promql_parser.MatrixSelector) else selector
    return str(vector.name)


def test_template_datasource_rule(boards: dict[str, Json]) -> None:
    """The first variable is the data source, with the name and label that links between boards rely on."""
    for board in boards.values():
        first = board["templating"]["list"][0]
        assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
        assert first["label"] == "Data source"
        assert [v["type"] for v in board["templating"]["list"]].count("datasource") == 1


def test_template_label_promql_rule(boards: dict[str, Json]) -> None:
    """Each variable asks for the values of a label, of a selector that parses."""
    for board in boards.values():
        for variable in board["templating"]["list"][1:]:
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found
            assert variable["definition"] == variable["query"]["query"]
            assert isinstance(promql_parser.parse(substitute(found[1])), promql_parser.VectorSelector)


def test_template_on_time_change_reload_rule(boards: dict[str, Json]) -> None:
    """Variables are asked for again when the time range changes."""
    for board in boards.values():
        assert [v["refresh"] for v in board["templating"]["list"][1:]] == [2] * (len(board["templating"]["list"]) - 1)


def test_panel_datasource_rule(boards: dict[str, Json]) -> None:
    """No data source is fixed: panels, queries, variables and annotations use the variable."""
    variable = {"type": "prometheus", "uid": "${datasource}"}
    for _, panel in drawn(boards):
        assert panel["datasource"] == variable
        assert all(target["datasource"] == variable for target in panel["targets"])
    for board in boards.values():
        assert all(entry["datasource"] == variable for entry in board["templating"]["list"][1:])
        assert all(entry["datasource"] == variable for entry in board["annotations"]["list"])


def test_panel_title_description_rule(boards: dict[str, Json]) -> None:
    """Every panel says in a sentence what it shows."""
    for where, panel in drawn(boards):
        assert panel["title"].strip(), where
        assert panel["description"].endswith("."), where


def test_panel_units_rule(boards: dict[str, Json]) -> None:
    """Every panel has a unit that Grafana knows, in its fields or on the axis of a heatmap."""
    for where, panel in drawn(boards):
        defaults = panel["fieldConfig"]["defaults"]
        unit = panel["options"]["yAxis"]["unit"] if panel["type"] == "heatmap" else defaults["unit"]
        overrides = [prop for over in panel["fieldConfig"]["overrides"] for prop in over["properties"]]
        assert {unit, *(prop["value"] for prop in overrides if prop["id"] == "unit")} <= UNITS, where


def test_panel_no_targets_rule(boards: dict[str, Json]) -> None:
    """Every panel that draws data asks for some."""
    for where, panel in drawn(boards):
        assert panel["targets"], where


def test_target_promql_rule(boards: dict[str, Json]) -> None:
    """Every query parses."""
    for where, expr in targets(boards):
        promql_parser.parse(substitute(expr)), where


def test_target_rate_interval_rule(boards: dict[str, Json]) -> None:
    """Every rate is over $__rate_interval."""
    for where, expr in targets(boards):
        found = re.findall(r"\bi?rate\(\w+(?:\{[^}]*\})?\[([^\]]+)\]\)", expr)
        assert found.count("$__rate_interval") == len(re.findall(r"\bi?rate\(", expr)), where


def test_target_counter_agg_rule(boards: dict[str, Json]) -> None:
    """A counter, by the contract's type and not by its name alone, is only read inside rate or increase."""
    for where, expr in targets(boards):
        for function, selector in calls(promql_parser.parse(substitute(expr))):
            metric = BY_SERIES.get(selector_name(selector))
            if metric is not None and metric.type is not MetricType.GAUGE:
                assert function in ("rate", "increase"), where


def test_uneditable_dashboard_rule(boards: dict[str, Json]) -> None:
    """Boards are changed in the repository."""
    assert [board["editable"] for board in boards.values()] == [False] * len(boards)


def test_all_seventeen_rules_are_here_or_excluded() -> None:
    tests = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.endswith("_rule")}
    tests = {"uneditable-dashboard" if name == "uneditable-dashboard-rule" else name for name in tests}
    assert len(tests | set(EXCLUDED)) == 17
    assert not tests & set(EXCLUDED)


@pytest.mark.parametrize("label", ["job", "instance"])
def test_the_reason_for_excluding_job_and_instance_holds(boards: dict[str, Json], label: str) -> None:
    """Every query about models is narrowed by the model variable instead."""
    about_all = {"Targets", "Targets down", "Alerts about the stack", "Lost on the way to people", "Notifications sent"}
    about_all |= {"Spans and logs that are lost", "Queues of the Collector", "Traces kept, by policy"}
    for where, expr in targets(boards):
        if where.partition(": ")[2] not in about_all:
            assert '"$model"' in expr, where
        assert f"${label}" not in expr
