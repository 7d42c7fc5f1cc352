"""Pieces that disagree are found, whatever generator is at fault."""

from __future__ import annotations

import re

import pytest

from modelwatch.crosscheck import crosscheck, expression_faults
from modelwatch.generate import generate
from modelwatch.model import types as t

RULES = "prometheus/rules/flight-delay.yaml"


@pytest.fixture
def files(fleet: t.Fleet) -> dict[str, str]:
    return generate(fleet)


def test_what_the_generators_make_agrees(files: dict[str, str]) -> None:
    assert crosscheck(files) == ()


@pytest.mark.parametrize(
    ("path", "pattern", "replacement", "message"),
    [
        (RULES, r"model_predictions_total\{", "model_prediction_total{", "no such metric in the contract"),
        (RULES, r"outcome=\"error\"", 'result="error"', "has no label 'result'"),
        (RULES, r"rate\(model_predictions_total", "avg(model_predictions_total", "PromQL that does not parse"),
        (RULES, r"increase\(model_labelled_predictions_total", "rate(model_requests_in_flight", "which is a gauge"),
        (RULES, r"\n      team: ops-ml", "", "lacks the label team"),
        (RULES, r"runbooks/flight-delay/ModelDown", "runbooks/flight-delay/ModelDwn", "links to another runbook"),
        (RULES, r"record: model:predictions:rate5m", "record: model:predictions:rate", "does not record before it"),
        ("alertmanager/alertmanager.yaml", r"- name: pager\n", "- name: pagr\n", "is no receiver"),
        (
            "prometheus/tests/flight-delay.1m.yaml",
            r'alertname="ModelDown"',
            'alertname="Other"',
            "has no test in which it fires",
        ),
    ],
)
def test_a_disagreement_is_found_and_named(
    files: dict[str, str], path: str, pattern: str, replacement: str, message: str
) -> None:
    broken, count = re.subn(pattern, replacement, files[path])
    assert count
    found = crosscheck({**files, path: broken})
    assert any(message in one.message for one in found), [one.message for one in found][:5]
    assert all(one.line >= 1 and one.file for one in found)


def test_a_page_without_a_runbook_is_found(files: dict[str, str]) -> None:
    del files["runbooks/flight-delay/ModelDown.md"]
    assert [one.message for one in crosscheck(files)] == ["ModelDown has no runbook runbooks/flight-delay/ModelDown.md"]


def test_every_expression_on_a_runbook_reads_the_contract(files: dict[str, str]) -> None:
    queries = [
        query
        for path, text in files.items()
        if path.endswith(".md")
        for query in re.findall(r"```promql\n(.*?)\n```", text, re.S)
    ]
    assert len(queries) > 50
    for query in queries:
        assert not list(expression_faults(query)), query


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("model_feature_values_total - last_over_time(model_feature_values_total[2m] offset 1m)", 0),
        ("model_feature_values_total - 3", 1),
        ("model_feature_values_total - model_predictions_total", 2),
        ("model_drift_score - model_drift_score offset 1d", 0),
    ],
)
def test_a_counter_may_be_read_as_it_stands_only_to_take_it_from_itself(query: str, faults: int) -> None:
    assert len(list(expression_faults(query))) == faults
