"""What the board of stages counts as a request, and what it shows of sampling."""

from __future__ import annotations

import re
from typing import Any

import promql_parser

from modelwatch.telemetry import spans as S
from modelwatch.telemetry.collector import DECIDED_TRACES
from tests.dashboards.test_board_queries import panels, selectors, substitute

Json = dict[str, Any]
REQUEST = {"span_name": f"{S.INFERENCE_SPAN} flight-delay", S.STAGE.label: ""}
OTHERS = (
    {"span_name": f"{S.BATCH_SPAN} flight-delay", S.STAGE.label: ""},
    {"span_name": S.KEPT_SPAN, S.STAGE.label: ""},
    {"span_name": "predict", S.STAGE.label: "predict"},
    {"span_name": f"{S.INFERENCE_SPAN} step", S.STAGE.label: f"{S.INFERENCE_SPAN} step"},
)


def takes(selector: Any, span: dict[str, str]) -> bool:
    """Whether the series of a span is selected, by name and stage."""
    for matcher in selector.matchers.matchers:
        if matcher.name in span:
            equal = str(matcher.op) == "MatchOp.Equal"
            if (
                equal != (span[matcher.name] == matcher.value)
                if equal
                else not _full(matcher.value, span[matcher.name])
            ):
                return False
    return True


def _full(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


def test_only_inferences_count_as_requests(boards: dict[str, Json]) -> None:
    """A batch, what keeps one later and every stage are no requests, whatever a stage is called."""
    names = ("Requests traced", "Share of requests that fail", "Requests by how long they take")
    found = [panel for panel in panels(boards["stages"]) if panel["title"] in names]
    assert len(found) == len(names)
    for panel in found:
        read = selectors(promql_parser.parse(substitute(panel["targets"][0]["expr"])))
        assert read
        for selector in read:
            assert takes(selector, REQUEST), panel["title"]
            assert not [span for span in OTHERS if takes(selector, span)], panel["title"]


def test_traces_that_are_kept_are_shown_by_the_policy_that_kept_them(boards: dict[str, Json]) -> None:
    """Those that a policy did not keep are in the same metric, and say nothing of it."""
    (panel,) = (panel for panel in panels(boards["stages"]) if panel["title"] == "Traces kept, by policy")
    (target,) = panel["targets"]
    assert target["legendFormat"] == "{{policy}}"
    found = selectors(promql_parser.parse(substitute(target["expr"])))
    assert {selector.name for selector in found} == {DECIDED_TRACES.name}
    matched = {(str(each.op), each.name, each.value) for selector in found for each in selector.matchers.matchers}
    assert matched == {("MatchOp.Equal", "sampled", "true")}
    assert "limit-MODEL" in panel["description"]
