"""Rule files and their promtool tests as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modelwatch import emit
from modelwatch.alert_rules.lines import broken
from modelwatch.alert_rules.remarks import remarks
from modelwatch.alert_rules.rules import Alert, Group, Recording, RuleFile, Scenario
from modelwatch.model.types import Fleet
from modelwatch.telemetry import boards
from modelwatch.telemetry import labels as L

RULES = "prometheus/rules"
TESTS = "prometheus/tests"


def runbook_path(alert: Alert) -> str:
    """Path of the alert's page below the runbooks' base URL."""
    return f"{alert.labels[L.MODEL]}/{alert.name}"


def links_and_texts(alert: Alert, fleet: Fleet) -> dict[str, str]:
    stack, addresses = fleet.stack, fleet.addresses
    model = alert.labels[L.MODEL]
    if alert.labels[L.CATEGORY] == "meta":
        board = boards.FLEET.path()
    elif L.SLO in alert.labels:
        board = boards.SLO.path(model=model, slo=alert.labels[L.SLO])
    elif alert.labels[L.CATEGORY] in ("drift", "quality"):
        board = boards.DRIFT.path(model=model)
    else:
        modes = {known.name: known.serving.mode for known in fleet.models}
        board = boards.OF_MODE[modes[model]].path(model=model)
    return {
        "summary": alert.summary,
        "description": alert.description,
        "runbook_url": f"{addresses.translate_public(stack.runbooks).rstrip('/')}/{runbook_path(alert)}",
        "dashboard_url": f"{addresses.translate_public(stack.dashboards).rstrip('/')}{board}",
    }


def _rule(rule: Recording | Alert, fleet: Fleet) -> dict[str, Any] | emit.Remarked:
    expr = emit.Block(broken(rule.expr))
    if isinstance(rule, Recording):
        return emit.Remarked(remarks(rule.record), {"record": rule.record, "expr": expr, "labels": dict(rule.labels)})
    out: dict[str, Any] = {"alert": rule.name, "expr": expr}
    if rule.wait:
        out["for"] = rule.wait
    return {**out, "labels": dict(rule.labels), "annotations": links_and_texts(rule, fleet)}


def rules_text(file: RuleFile, fleet: Fleet) -> str:
    groups = [
        {"name": group.name, "interval": group.interval, "rules": [_rule(rule, fleet) for rule in group.rules]}
        for group in file.groups
        if group.rules
    ]
    return emit.to_yaml({"groups": groups}, _source(file, fleet))


def _source(file: RuleFile, fleet: Fleet) -> str:
    return f"models/{file.model.source}" if file.model and file.model.source else fleet.stack.source or "the stack"


def _test(alert: Alert, group: Group, scenario: Scenario) -> dict[str, Any]:
    firing = ",".join(
        [
            f'alertname="{alert.name}"',
            'alertstate="firing"',
            *(f'{key}="{value}"' for key, value in alert.labels.items()),
        ]
    )
    expected = [
        {"labels": _labels({"alertname": alert.name, "alertstate": "firing", **alert.labels, **extra}), "value": 1}
        for extra in scenario.fires
    ]
    return {
        "name": f"{alert.name} of {group.name} {scenario.title}",
        "interval": scenario.step,
        "input_series": [{"series": name, "values": values} for name, values in scenario.series.items()],
        "promql_expr_test": [{"expr": f"ALERTS{{{firing}}}", "eval_time": scenario.at, "exp_samples": expected}],
    }


def _labels(labels: dict[str, str]) -> str:
    body = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return f"ALERTS{{{body}}}"


def tests_texts(file: RuleFile, fleet: Fleet) -> Iterable[tuple[str, str]]:
    """One test file for each evaluation interval, since promtool takes one for a whole file."""
    by_interval: dict[str, list[dict[str, Any]]] = {}
    for group in file.groups:
        for alert in group.alerts:
            for scenario in alert.scenarios:
                by_interval.setdefault(scenario.every, []).append(_test(alert, group, scenario))
    for interval, tests in by_interval.items():
        text = emit.to_yaml(
            {"rule_files": [f"../rules/{file.stem}.yaml"], "evaluation_interval": interval, "tests": tests},
            _source(file, fleet),
        )
        yield f"{TESTS}/{file.stem}.{interval}.yaml", text


def generate(fleet: Fleet, files: tuple[RuleFile, ...]) -> dict[str, str]:
    out: dict[str, str] = {}
    for file in files:
        out[f"{RULES}/{file.stem}.yaml"] = rules_text(file, fleet)
        out.update(tests_texts(file, fleet))
    return out
