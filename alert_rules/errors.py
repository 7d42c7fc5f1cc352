"""Errors: the share of predictions that failed. A ticket where an SLO already pages for errors."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Recording, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, grow, series, then
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import OUTCOME_ERROR, OUTCOME_SUCCESS, PREDICTION_DURATION, PREDICTIONS
from modelwatch.telemetry.records import ERROR_RATIO, ERRORS, TRAFFIC

# One failure in a quiet hour is no incident.
_MIN_FAILURES = 5


def has_slo(scope: Scope, kind: str) -> bool:
    return any(slo.sli.kind == kind for slo in scope.model.slos)


def rules(scope: Scope) -> tuple[Recording | Alert, ...]:
    model = scope.model
    every = q.total(q.rate(q.selector(PREDICTIONS, model=model.name), "5m"))
    failed = q.total(q.rate(q.selector(PREDICTIONS, model=model.name, outcome=OUTCOME_ERROR), "5m"))
    traffic, errors, ratio = (record.select(model=model.name) for record in (TRAFFIC, ERRORS, ERROR_RATIO))
    limit = model.limits.error_ratio
    good = series(PREDICTIONS, model=model.name, version="1", outcome=OUTCOME_SUCCESS)
    bad = series(PREDICTIONS, model=model.name, version="1", outcome=OUTCOME_ERROR)
    share = float(limit)
    alert = Alert(
        name="ModelErrorRatioHigh",
        expr=f"{ratio} > {q.number(limit)} and {errors} * 300 >= {_MIN_FAILURES}",
        wait="2m",
        labels=scope.labels("ticket" if has_slo(scope, "errors") else "page", "errors"),
        threshold=q.number(limit),
        spec_field="limits.error_ratio",
        summary=f"{model.name} fails too many predictions",
        description=f"{{{{ $value | humanizePercentage }}}} of predictions failed over 5 minutes; the limit is {q.number(limit * 100)}%.",
        runbook=Runbook(
            meaning="A larger share of requests than the spec allows ends in an error instead of a prediction.",
            impact="Callers get errors and fall back or fail themselves.",
            look=(
                (
                    "Share of errors by version",
                    f"{q.total(q.rate(q.selector(PREDICTIONS, model=model.name, outcome=OUTCOME_ERROR), '5m'), 'version')} / on (version) {q.total(q.rate(q.selector(PREDICTIONS, model=model.name), '5m'), 'version')}",
                ),
                (
                    "Errors per second by instance",
                    q.total(q.rate(q.selector(PREDICTIONS, model=model.name, outcome=OUTCOME_ERROR), "5m"), "instance"),
                ),
                (
                    "Latency, p99",
                    q.quantile(0.99, q.rate(q.selector(PREDICTION_DURATION, series="bucket", model=model.name), "5m")),
                ),
            ),
            act=(
                "One version only: roll it back.",
                "One instance only: take it out of service and look at its log.",
                "All of them: look at what they share, most often the feature store or an upstream schema change.",
                "Read the failed traces: their spans carry error.type and name the stage that failed.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when the share of errors is above the limit",
                {good: grow(600 * (1 - min(share * 2, 1)), 30), bad: grow(600 * min(share * 2, 1), 30)},
                "15m",
                ({},),
            ),
            Scenario(
                "stays quiet below the limit",
                {good: grow(600 * (1 - share / 2), 30), bad: grow(600 * share / 2, 30)},
                "15m",
            ),
            Scenario(
                "stays quiet on one error in a quiet hour",
                {good: flat(3, 30), bad: then(flat(0, 9), flat(1, 20))},
                "12m",
            ),
            Scenario(
                "stays quiet when a counter starts again",
                {good: then(grow(600, 10), grow(600, 20)), bad: flat(0, 30)},
                "13m",
            ),
            Scenario("stays quiet when idle", {good: flat(600, 30), bad: flat(60, 30)}, "20m"),
            Scenario("stays quiet without data", {}, "15m"),
        ),
    )
    return (
        scope.recording(ERRORS.name, f"{failed} or 0 * {every}"),
        scope.recording(ERROR_RATIO.name, f"{errors} / ({traffic} > 0)"),
        alert,
    )
