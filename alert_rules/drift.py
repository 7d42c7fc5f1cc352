"""Drift of the whole fleet, after every guard (threshold, critical value, likelihood ratio, samples). It never pages."""

from __future__ import annotations

from functools import partial

from modelwatch.alert_rules.drift_scenarios import LEANING, LOPSIDED, NEVER, Told, at_the_end, sidecars
from modelwatch.alert_rules.drift_scores import threshold
from modelwatch.alert_rules.drift_windows import lately, steady
from modelwatch.alert_rules.rules import BASELINE, Alert, Condition, Runbook, Scope
from modelwatch.model.types import Model
from modelwatch.telemetry import records as r

# What the model answers, watched like a feature.
OUTPUTS = ("prediction", "confidence")


def _runbook(model: Model, what: str, window: str) -> Runbook:
    name = model.name
    score, critical = (record.select(model=name, window=window) for record in (r.FLEET_SCORE, r.FLEET_CRITICAL_VALUE))
    samples = r.FLEET_SAMPLES.select(model=name, window=window)
    values = r.FLEET_VALUES.select(model=name, window=window)
    usual = (
        r.FLEET_REFERENCE.select(model=name)
        if model.drift.same is None
        else r.FLEET_EXPECTED.select(model=name, window=window)
    )
    beside = "the reference profile"
    if model.drift.same is not None:
        beside = f"those rows of the reference profile that have the same {model.drift.same}"
    return Runbook(
        meaning=f"{what} no longer looks like {beside}. The score of all replicas together is above its threshold and above the value that chance alone would reach.",
        impact="Answers may be worse without any error being raised. Nobody needs to get up for it.",
        look=(
            ("Scores above their critical value, by method", f"{score} > {critical}"),
            (
                "Share of each bin now, less its share in the reference",
                f"{values} / on (model, feature, window) group_left () ({samples} > 0) - on (model, feature, bin) group_left () {usual}",
            ),
            ("Does it drift in other windows?", r.FLEET_DETECTED.select(model=name)),
        ),
        act=(
            "Look at the distribution on the drift board: a shift, a new peak, a missing part?",
            "A data fault (unit, encoding, a source that stopped): mend the source.",
            "A real change (season, market): check accuracy on recent labels, then retrain and make a new profile with `modelwatch profile`, and `--time COLUMN` where hours or weekdays are compared.",
        ),
    )


CONDITIONS = {
    name: Condition((BASELINE,), "baseline: {data: training.csv}")
    for name in ("ModelFeatureDrift", "ModelFeatureDriftCritical", "ModelPredictionDrift")
}


def rules(scope: Scope) -> tuple[Alert, ...]:
    """They read what drift_records records. Nothing without a baseline to compare with."""
    model = scope.model
    if model.baseline is None:
        return ()
    name, window, least = model.name, steady(scope), model.drift.min_samples
    rows = max(least, 500)
    outputs = f'feature=~"{"|".join(OUTPUTS)}"'
    inputs = f'feature!~"{"|".join(OUTPUTS)}"'

    def detected(which: str) -> str:
        return f"max by (feature) ({lately(r.FLEET_DETECTED.select(which, model=name, window=window))}) == 1"

    def far(which: str) -> str:
        """Above the critical threshold, and drift after every guard."""
        score = lately(r.FLEET_SCORE.select(which, model=name, window=window))
        above = f"max by (feature) ({score} > on (feature, method) group_left () {threshold(name, 'critical')})"
        return f"{above} and on (feature) {detected(which)}"

    feature = model.features[0].name if model.features else "any"

    def told(halves: tuple[float, float] = LOPSIDED, **more: object) -> dict[str, str]:
        return sidecars(scope, Told(feature, rows, halves, **more))  # type: ignore[arg-type]  # fields by name

    late = partial(at_the_end, scope)
    strong = Alert(
        name="ModelFeatureDriftCritical",
        expr=far(inputs),
        wait="15m",
        labels=scope.labels("ticket", "drift"),
        spec_field="features[].drift.critical",
        summary=f"Features of {name} have drifted far from the reference",
        description=f"{{{{ $labels.feature }}}} has a drift score of {{{{ $value | humanize }}}} over {window}, above its critical threshold.",
        runbook=_runbook(model, "A feature", window),
        scenarios=(
            late("fires when a score is above the critical threshold", told(), {"feature": feature}),
            late(
                "fires however often a replica starts to count again",
                told(starts_again=True),
                {"feature": feature},
            ),
            late("stays quiet between warning and critical", told(LEANING)),
            late("stays quiet above the threshold but within chance", told(quantile=NEVER)),
            late("stays quiet on few rows", sidecars(scope, Told(feature, least // 4, LOPSIDED, burst=True))),
            late("stays quiet when idle", told(idle=True)),
            late("stays quiet without data", {}),
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
        runbook=_runbook(model, "A feature", window),
        scenarios=(
            late(
                "fires for the feature that drifted",
                sidecars(scope, Told(feature, rows, LEANING), Told("steady", rows)),
                {"feature": feature},
            ),
            late(
                "stays quiet while nothing drifts and a replica starts to count again",
                sidecars(scope, Told(feature, rows, starts_again=True)),
            ),
            late("stays quiet without data", {}),
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
        runbook=_runbook(model, "What the model answers", window),
        scenarios=(
            late(
                "fires when predictions drift far",
                sidecars(scope, Told("prediction", rows, LOPSIDED)),
                {"feature": "prediction"},
            ),
            late("stays quiet when only a feature drifts", told()),
            late("stays quiet without data", {}),
        ),
    )
    return (strong, weak, answers)
