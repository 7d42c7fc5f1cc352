"""What specs that are right leave unwatched is told as notes, which are no findings."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from modelwatch.alert_rules import families, routing, simulate
from modelwatch.model.checks.unwatched import route
from modelwatch.model.load import Loaded, load_fleet

from .conftest import TEN_LINES, Load

TARGETS = 'serving: {job: churn, targets: ["127.0.0.1:8000"]}'
STACK = """\
apiVersion: modelwatch/v1
kind: Stack
receivers:
  pager: {type: pagerduty, key_file: secrets/pager.key}
  chat: {type: slack, url_file: secrets/chat.url}
  silent: {type: none}
routes: {page: pager, ticket: chat, info: silent}
environments: {prod: {pages: true}, test: {pages: false}}
teams:
  growth: {ticket: chat}
"""


def notes(loaded: Loaded) -> list[str]:
    assert loaded.fleet is not None
    return [f"{note.file}:{note.line}:{note.column} {note.code} {note.message}" for note in loaded.notes]


def test_a_short_spec_is_told_of_all_that_it_leaves_unwatched_and_has_no_finding(load: Load) -> None:
    loaded = load(churn=TEN_LINES)
    assert loaded.diagnostics == ()
    assert notes(loaded) == [
        "models:1:1 MW052 alerts of severity info, such as ModelFeatureDrift, reach nobody: "
        "without a stack file they only show on the boards",
        "models/churn.yaml:6:1 MW050 no targets, so the generated prometheus.yaml scrapes nothing of job 'churn'",
        "models/churn.yaml:8:1 MW051 no baseline, so neither drift of features and predictions nor new categories can be told",
    ]
    assert {note.severity for note in loaded.notes} == {"note"}


def test_nothing_is_noted_while_there_are_errors(load: Load) -> None:
    loaded = load(churn=TEN_LINES.replace("owner:", "ownr:"))
    assert loaded.diagnostics and loaded.notes == ()


def test_an_empty_list_of_targets_says_that_prometheus_finds_them(load: Load) -> None:
    spec = TEN_LINES.replace("serving: {job: churn}", "serving: {job: churn, targets: []}")
    assert not [note for note in load(churn=spec).notes if note.code == "MW050"]


def test_a_model_of_a_job_that_another_model_has_targets_for_is_scraped(load: Load) -> None:
    with_targets = TEN_LINES.replace("serving: {job: churn}", TARGETS)
    without = TEN_LINES.replace("name: churn", "name: loss")
    assert not [note for note in load(churn=with_targets, loss=without).notes if note.code == "MW050"]


def test_what_a_stack_mutes_is_noted_once_where_it_says_so(load: Load) -> None:
    other = TEN_LINES.replace("name: churn", "name: loss")
    told = [note for note in notes(load(churn=TEN_LINES, loss=other, stack=STACK)) if "MW052" in note]
    assert told == [
        "models/stack.yaml:7:43 MW052 alerts of severity info, such as ModelFeatureDrift, reach nobody: "
        "the receiver 'silent' is of type none"
    ]


def test_what_a_model_mutes_is_noted_at_the_model(load: Load) -> None:
    muted = TEN_LINES + "alerting: {routes: {ticket: silent, info: chat}}\n"
    told = [note for note in notes(load(churn=muted, stack=STACK)) if "MW052" in note]
    assert told == ["models/churn.yaml:11:29 MW052 tickets reach nobody: the receiver 'silent' is of type none"]


def test_pages_that_reach_nobody_are_a_warning_unless_nobody_is_paged_anyway(load: Load) -> None:
    stack = STACK.replace("page: pager", "page: silent")
    spec = TEN_LINES + "alerting: {routes: {info: pager}}\n"
    (found,) = load(churn=spec, stack=stack).diagnostics
    assert (found.code, found.severity, found.message) == (
        "MW052",
        "warning",
        "pages reach nobody: the receiver 'silent' is of type none",
    )
    low = spec.replace("owner: growth", "owner: growth\n  tier: low")
    assert load(churn=low, stack=stack).diagnostics == ()


def test_a_stack_without_routes_is_told_so(load: Load) -> None:
    told = [
        note for note in notes(load(churn=TEN_LINES, stack="apiVersion: modelwatch/v1\nkind: Stack\n")) if "52" in note
    ]
    assert told == [
        "models/stack.yaml:2:7 MW052 alerts of severity info, such as ModelFeatureDrift, reach nobody: "
        "without routes in the stack's file they only show on the boards"
    ]


def test_the_alert_that_is_named_is_of_severity_info(load: Load) -> None:
    Path("training.csv").write_text("age,plan\n1,a\n")
    spec = TEN_LINES + "baseline: {data: ../training.csv}\n"
    alerts = [alert for file in families.rule_files(load(churn=spec).unwrap()) for alert in file.alerts]
    assert {alert.severity for alert in alerts if alert.name == "ModelFeatureDrift"} == {"info"}


@pytest.mark.parametrize(
    ("environment", "team", "own"),
    list(
        itertools.product(
            ("prod", "test", "elsewhere"),
            ("{ticket: silent}", "{page: chat, info: pager}"),
            ("", "alerting: {routes: {ticket: pager}}\n", "alerting: {routes: {page: chat, info: chat}}\n"),
        )
    ),
)
def test_the_receiver_that_is_judged_is_the_one_that_alertmanager_routes_to(
    load: Load, environment: str, team: str, own: str
) -> None:
    spec = TEN_LINES.replace("job: churn", f"job: churn, environment: {environment}") + own
    fleet = load(churn=spec, stack=STACK.replace("{ticket: chat}", team)).unwrap()
    (model,) = fleet.models
    for severity in ("page", "ticket", "info"):
        labels = {"alertname": "A", "model": "churn", "team": "growth", "env": environment, "severity": severity}
        assert simulate.receivers(routing.tree(fleet), labels) == (route(model, fleet.stack, severity)[0],)


def test_the_demos_own_specs_are_watched_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert load_fleet(Path("models")).notes == ()
