"""What every alert of every family must have."""

from __future__ import annotations

import dataclasses
import itertools
import re
from decimal import Decimal

import pytest

from modelwatch.alert_rules import families, slo
from modelwatch.alert_rules.rules import Alert, RuleFile, Scope
from modelwatch.model import types as t
from modelwatch.model.units import Duration
from modelwatch.telemetry import labels as L


@pytest.fixture
def files(fleet: t.Fleet) -> tuple[RuleFile, ...]:
    return families.rule_files(fleet)


def _alerts(files: tuple[RuleFile, ...]) -> list[Alert]:
    return [alert for file in files for alert in file.alerts]


def test_every_alert_can_be_grouped_routed_and_read(files: tuple[RuleFile, ...]) -> None:
    for alert in _alerts(files):
        assert all(alert.labels[label] for label in L.ALERT_LABELS), alert.name
        assert alert.severity in L.SEVERITIES
        assert alert.summary and alert.description and alert.runbook.meaning and alert.runbook.impact
        assert alert.runbook.look and alert.runbook.act
        assert "$value" not in alert.summary, (
            "a summary is a PagerDuty title: it must not change while the page is open"
        )


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_stays_quiet(files: tuple[RuleFile, ...]) -> None:
    for alert in _alerts(files):
        assert any(scenario.fires for scenario in alert.scenarios), alert.name
        assert alert.name == "Watchdog" or any(not scenario.fires for scenario in alert.scenarios), alert.name


def test_no_alert_and_no_group_is_there_twice(files: tuple[RuleFile, ...]) -> None:
    keys = [(a.name, a.labels[L.MODEL], a.labels.get(L.SLO)) for a in _alerts(files)]
    names = [group.name for file in files for group in file.groups]
    assert len(keys) == len(set(keys))
    assert len(names) == len(set(names))


def test_no_group_has_more_rules_than_mimir_takes(files: tuple[RuleFile, ...]) -> None:
    assert max(len(group.rules) for file in files for group in file.groups) <= 20


def test_labels_never_hold_a_value_that_changes(files: tuple[RuleFile, ...]) -> None:
    assert not any("{{" in value for alert in _alerts(files) for value in alert.labels.values())


@pytest.mark.parametrize(
    ("tier", "environment", "pages"),
    [("critical", "prod", True), ("standard", "prod", True), ("low", "prod", False), ("critical", "staging", False)],
)
def test_only_models_that_matter_where_it_matters_wake_someone(
    model: t.Model, stack: t.Stack, tier: t.Tier, environment: str, pages: bool
) -> None:
    serving = dataclasses.replace(model.serving, environment=environment)
    scope = Scope(dataclasses.replace(model, tier=tier, serving=serving), stack)
    severities = {alert.severity for alert in families.model_file(scope).alerts}
    assert ("page" in severities) is pages


def test_drift_alone_never_pages(files: tuple[RuleFile, ...]) -> None:
    assert {a.severity for a in _alerts(files) if a.labels[L.CATEGORY] in ("drift", "quality")} <= {"ticket", "info"}


def test_a_symptom_is_a_ticket_where_an_slo_pages_for_it_and_a_page_elsewhere(model: t.Model, stack: t.Stack) -> None:
    def severity(slos: tuple[t.Slo, ...]) -> dict[str, str]:
        found = families.model_file(Scope(dataclasses.replace(model, slos=slos), stack)).alerts
        return {alert.name: alert.severity for alert in found}

    with_slos, without = severity(model.slos), severity(())
    assert (with_slos["ModelErrorRatioHigh"], with_slos["ModelLatencyHigh"]) == ("ticket", "ticket")
    assert (without["ModelErrorRatioHigh"], without["ModelLatencyHigh"]) == ("page", "page")


@pytest.mark.parametrize(
    ("window", "factors"), [("30d", ("14.4", "6", "3", "1")), ("28d", ("13.44", "5.6", "2.8", "0.933333333333"))]
)
def test_thresholds_are_the_workbooks_factors_times_the_budget_exactly(window: str, factors: tuple[str, ...]) -> None:
    objective = t.Slo("x", Decimal("99.9"), Duration.parse(window), t.Sli("errors"))
    thresholds = [slo.threshold(pair, objective) for pair in (*slo.PAGE_PAIRS, *slo.TICKET_PAIRS)]
    assert thresholds == [round(Decimal(factor) * Decimal("0.001"), 12) for factor in factors]


def test_numbers_in_rules_are_exact_decimals(files: tuple[RuleFile, ...]) -> None:
    text = " ".join(rule.expr for file in files for group in file.groups for rule in group.rules)
    assert not re.search(r"\d\.\d*(0000001|9999999)|\d[eE][-+]\d", text)


def test_models_share_no_series(files: tuple[RuleFile, ...]) -> None:
    """Two recordings of one name always differ in their identity labels."""
    recorded = [
        (rule.record, tuple(sorted(rule.labels.items())))
        for file in files
        for group in file.groups
        for rule in group.rules
        if not isinstance(rule, Alert)
    ]
    assert len(recorded) == len(set(recorded))
    assert all(len(list(group)) >= 1 for _, group in itertools.groupby(sorted(recorded)))


@pytest.mark.parametrize("methods", [("kl",), ("ks", "tv")])
def test_a_model_that_is_compared_hour_by_hour_with_any_methods_has_groups_that_mimir_takes(
    fleet: t.Fleet, methods: tuple[t.DriftMethod, ...]
) -> None:
    drift = dataclasses.replace(
        fleet.models[0].drift, same="hour", windows=(Duration.parse("5m"), Duration.parse("7d"))
    )
    watched = tuple(
        dataclasses.replace(feature, drift=t.Drift(methods[place % len(methods)], Decimal("0.1"), Decimal("0.2")))
        for place, feature in enumerate(fleet.models[0].features)
    )
    model = dataclasses.replace(fleet.models[0], drift=drift, features=watched)
    files = families.rule_files(dataclasses.replace(fleet, models=(model,)))
    assert max(len(group.rules) for file in files for group in file.groups) <= 20
    text = "\n".join(rule.expr for file in files for group in file.groups for rule in group.rules)
    # What is read as a pattern has something to choose from.
    assert re.findall(r'method=~"[^|"]*"', text) == []
