"""Do the generated pieces agree? No rule reads a metric that nothing emits; no alert lacks a route, a page and a test.

Reads the generated texts as the programs would, not the objects they were made from: a fault in a generator shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser as promql
import yaml

from modelwatch.alert_rules import simulate
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.telemetry import labels as L
from modelwatch.telemetry.metrics import BY_SERIES, MetricType
from modelwatch.telemetry.records import RECORD_BY_NAME

# Apart from the codes of specs: a person's edit cannot cause it, only a fault in a generator.
DISAGREES = "MW900"
_DIFFERENCE = "-"
_RANGE_FUNCTIONS = frozenset(("rate", "irate", "increase", _DIFFERENCE))
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def crosscheck(files: Mapping[str, str]) -> tuple[Diagnostic, ...]:
    """Every disagreement in one run; ``file`` is the generated path."""
    rules = {path: yaml.load(text, _Loader) for path, text in files.items() if path.startswith("prometheus/rules/")}  # noqa: S506 - a safe loader
    alertmanager = yaml.load(files["alertmanager/alertmanager.yaml"], _Loader)  # noqa: S506 - a safe loader
    tested = _tested(files)
    found: list[Diagnostic] = []
    for path, body in rules.items():
        for group in body["groups"]:
            recorded: set[str] = set()
            for rule in group["rules"]:
                line = _line(files[path], rule)
                found += (Diagnostic(path, line, 1, DISAGREES, "error", message) for message in _rule(rule, recorded))
                if "record" in rule:
                    recorded.add(rule["record"])
                else:
                    found += (
                        Diagnostic(path, line, 1, DISAGREES, "error", message)
                        for message in _alert(rule, path.rpartition("/")[2], alertmanager, files, tested)
                    )
    return tuple(found)


def _line(text: str, rule: Mapping[str, Any]) -> int:
    key = "record" if "record" in rule else "alert"
    at = text.find(f"{key}: {rule[key]}\n")
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def _tested(files: Mapping[str, str]) -> set[tuple[str, str, bool]]:
    """(rule file, alert name, fires) of every promtool test."""
    out = set()
    for path, text in files.items():
        if path.startswith("prometheus/tests/"):
            body = yaml.load(text, _Loader)  # noqa: S506 - a safe loader
            for test in body["tests"]:
                for case in test["promql_expr_test"]:
                    name = re.search(r'alertname="([^"]+)"', case["expr"])
                    for target in body["rule_files"]:
                        if name:
                            out.add((target.removeprefix("../rules/"), name[1], bool(case["exp_samples"])))
    return out


def _same(left: list[tuple[promql.VectorSelector, str]], right: list[tuple[promql.VectorSelector, str]]) -> bool:
    return [selector.name for selector, _ in left] == [selector.name for selector, _ in right] and len(left) == 1


def selectors(expression: promql.Expr, inside: str = "") -> Iterator[tuple[promql.VectorSelector, str]]:
    """Every selector of an expression, and the function directly around it, or that it is taken from itself."""
    match expression:
        case promql.VectorSelector():
            yield expression, inside
        case promql.MatrixSelector():
            yield expression.vector_selector, inside
        case promql.Call():
            for argument in expression.args:
                yield from selectors(argument, expression.func.name)
        case promql.BinaryExpr():
            sides = [*selectors(expression.lhs)], [*selectors(expression.rhs)]
            # A counter less what it was before.
            grown = str(expression.op) == "-" and _same(*sides)
            for selector, function in (*sides[0], *sides[1]):
                yield selector, _DIFFERENCE if grown else function
        case promql.AggregateExpr():
            yield from selectors(expression.expr)
        case promql.ParenExpr() | promql.SubqueryExpr() | promql.UnaryExpr():
            yield from selectors(expression.expr, inside)
        case _:
            return


def expression_faults(text: str) -> Iterator[str]:
    """What an expression reads that the contract does not know."""
    try:
        expression = promql.parse(text)
    except ValueError as error:
        yield f"PromQL that does not parse: {error}"
        return
    for selector, function in selectors(expression):
        name = selector.name or ""
        metric, record = BY_SERIES.get(name), RECORD_BY_NAME.get(name)
        if metric is not None:
            allowed = {*metric.labels, *L.SCRAPE_LABELS, *(("le",) if name.endswith("_bucket") else ())}
            if function in _RANGE_FUNCTIONS - {_DIFFERENCE} and metric.type is MetricType.GAUGE:
                yield f"{function}() of {name}, which is a gauge"
            if function not in _RANGE_FUNCTIONS and metric.type is MetricType.COUNTER and name.endswith("_total"):
                yield f"counter {name} without rate() or increase()"
        elif record is not None:
            allowed = {*record.labels}
        else:
            yield f"{name or text}: no such metric in the contract"
            continue
        for matcher in selector.matchers.matchers:
            if matcher.name not in allowed:
                yield f"{name} has no label {matcher.name!r}"


def _rule(rule: Mapping[str, Any], recorded: set[str]) -> Iterator[str]:
    name = rule.get("record") or rule["alert"]
    for fault in expression_faults(rule["expr"]):
        yield f"{name}: {fault}"
    try:
        parsed = promql.parse(rule["expr"])
    except ValueError:
        return
    for selector, _ in selectors(parsed):
        if selector.name in RECORD_BY_NAME and selector.name not in recorded:
            yield f"{name} reads {selector.name}, which its own group does not record before it"


def _alert(
    rule: Mapping[str, Any],
    file: str,
    alertmanager: Mapping[str, Any],
    files: Mapping[str, str],
    tested: set[tuple[str, str, bool]],
) -> Iterator[str]:
    labels = {"alertname": rule["alert"], **rule["labels"]}
    for label in L.ALERT_LABELS:
        if not labels.get(label):
            yield f"{rule['alert']} lacks the label {label}, by which alerts are grouped and routed"
    known = {receiver["name"] for receiver in alertmanager["receivers"]}
    for receiver in simulate.receivers(alertmanager["route"], labels):
        if receiver not in known:
            yield f"{rule['alert']} is routed to {receiver!r}, which is no receiver"
    page = f"runbooks/{labels.get(L.MODEL)}/{rule['alert']}.md"
    if page not in files:
        yield f"{rule['alert']} has no runbook {page}"
    if not rule["annotations"]["runbook_url"].endswith(page.removeprefix("runbooks").removesuffix(".md")):
        yield f"{rule['alert']} links to another runbook than {page}"
    for fires in (True, False):
        if (file, rule["alert"], fires) not in tested and not (rule["alert"] == "Watchdog" and not fires):
            yield f"{rule['alert']} has no test in which it {'fires' if fires else 'stays quiet'}"
