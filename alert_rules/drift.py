"""Drift: what the sidecar found after every guard (threshold, critical value, samples). Drift alone never pages."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, series
from modelwatch.model.types import Model
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import (
    DRIFT_CRITICAL_VALUE,
    DRIFT_DETECTED,
    DRIFT_SCORE,
    DRIFT_THRESHOLD,
    FEATURE_REFERENCE,
    FEATURE_VALUES,
)

# What the model answers, watched like a feature.
OUTPUTS = ("prediction", "confidence")


def _runbook(model: Model, what: str) -> Runbook:
    return Runbook(
        meaning=f"{what} no longer looks like the reference profile. The score is above its threshold and above the value that chance alone would reach.",
        impact="Answers may be worse without any error being raised. Nobody needs to get up for it.",
        look=(
            (
                "Scores above their critical value",
                f"{q.selector(DRIFT_SCORE, model=model.name)} > {q.selector(DRIFT_CRITICAL_VALUE, model=model.name)}",
            ),
            (
                "Share of each bin in the last hour",
                f"sum by (feature, bin) ({q.increase(q.selector(FEATURE_VALUES, model=model.name), '1h')})",
            ),
            ("Share of each bin in the reference", q.selector(FEATURE_REFERENCE, model=model.name)),
        ),
        act=(
            "Look at the distribution on the drift board: a shift, a new peak, a missing part?",
            "A data fault (unit, encoding, a source that stopped): mend the source.",
            "A real change (season, market): check accuracy on recent labels, then retrain and make a new profile with `modelwatch profile`.",
        ),
    )


def _measured(model: str, feature: str, window: str, score: float, detected: int) -> dict[str, str]:
    """A day of one feature's series as the sidecar exposes them."""
    method = "psi"
    return {
        series(DRIFT_SCORE, model=model, feature=feature, method=method, window=window): flat(score, 60),
        series(DRIFT_THRESHOLD, model=model, feature=feature, method=method, level="warning"): flat(0.1, 60),
        series(DRIFT_THRESHOLD, model=model, feature=feature, method=method, level="critical"): flat(0.25, 60),
        series(DRIFT_DETECTED, model=model, feature=feature, window=window): flat(detected, 60),
    }


def rules(scope: Scope) -> tuple[Alert, ...]:
    model = scope.model
    name = model.name
    window = model.drift.windows[-1].text
    outputs = f'feature=~"{"|".join(OUTPUTS)}"'
    inputs = f'feature!~"{"|".join(OUTPUTS)}"'

    def detected(which: str) -> str:
        return f"max by (feature) ({q.selector(DRIFT_DETECTED, which, model=name, window=window)}) == 1"

    def far(which: str) -> str:
        """Above the critical threshold, and drift after every guard."""
        score = q.selector(DRIFT_SCORE, which, model=name, window=window)
        limit = f"max by (feature, method) ({q.selector(DRIFT_THRESHOLD, which, model=name, level='critical')})"
        above = f"max by (feature) ({score} > on (feature, method) group_left () {limit})"
        return f"{above} and on (feature) {detected(which)}"

    feature = model.features[0].name if model.features else "any"
    strong = Alert(
        name="ModelFeatureDriftCritical",
        expr=far(inputs),
        wait="15m",
        labels=scope.labels("ticket", "drift"),
        spec_field="features[].drift.critical",
        summary=f"Features of {name} have drifted far from the reference",
        description=f"{{{{ $labels.feature }}}} has a drift score of {{{{ $value | humanize }}}} over {window}, above its critical threshold.",
        runbook=_runbook(model, "A feature"),
        scenarios=(
            Scenario(
                "fires when a score is above the critical threshold",
                _measured(name, feature, window, 0.4, 1),
                "30m",
                ({"feature": feature},),
            ),
            Scenario("stays quiet between warning and critical", _measured(name, feature, window, 0.2, 1), "30m"),
            Scenario(
                "stays quiet above the threshold but within chance", _measured(name, feature, window, 0.4, 0), "30m"
            ),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )
    weak = Alert(
        name="ModelFeatureDrift",
        expr=detected(inputs),
        wait="15m",
        labels=scope.labels("info", "drift"),
        spec_field="features[].drift.warning",
        summary=f"Features of {name} drift from the reference",
        description=f"{{{{ $labels.feature }}}} has drifted over {window}.",
        runbook=_runbook(model, "A feature"),
        scenarios=(
            Scenario(
                "fires for the feature that drifted",
                {**_measured(name, feature, window, 0.2, 1), **_measured(name, "steady", window, 0.01, 0)},
                "30m",
                ({"feature": feature},),
            ),
            Scenario("stays quiet while nothing drifts", _measured(name, feature, window, 0.01, 0), "30m"),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )
    answers = Alert(
        name="ModelPredictionDrift",
        expr=far(outputs),
        wait="15m",
        labels=scope.labels("ticket", "drift"),
        spec_field="drift",
        summary=f"The answers of {name} have changed",
        description=f"The distribution of {{{{ $labels.feature }}}} has drifted over {window}.",
        runbook=_runbook(model, "What the model answers"),
        scenarios=(
            Scenario(
                "fires when predictions drift far",
                _measured(name, "prediction", window, 0.4, 1),
                "30m",
                ({"feature": "prediction"},),
            ),
            Scenario("stays quiet when only a feature drifts", _measured(name, feature, window, 0.4, 1), "30m"),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )
    return (strong, weak, answers)
