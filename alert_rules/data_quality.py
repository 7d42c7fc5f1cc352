"""Data quality: missing, out-of-range and never-seen values, and rows that the sidecar had to reject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from modelwatch.alert_rules.rules import Alert, Condition, Need, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, grow, series
from modelwatch.model.types import Feature, Model
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import (
    DRIFT_SAMPLES,
    EXPORTER_ROWS,
    FEATURE_MISSING,
    FEATURE_NEW_CATEGORY,
    FEATURE_OUT_OF_RANGE,
    Metric,
)


def _has_limit(feature: Feature) -> bool:
    return feature.missing_max_ratio < 1


def _has_range(feature: Feature) -> bool:
    return feature.range is not None


def _has_categories(feature: Feature) -> bool:
    return feature.type == "categorical"


def _some(judged: Callable[[Feature], bool]) -> Callable[[Model], bool]:
    return lambda model: any(map(judged, model.features))


CONDITIONS = {
    "ModelFeatureMissing": Condition(
        (Need("a feature whose missing.max_ratio is below 1 (0.05 when left out)", _some(_has_limit)),),
        "features: [{name: age, type: numeric}]",
    ),
    "ModelFeatureOutOfRange": Condition(
        (Need("a numeric feature with a range", _some(_has_range)),),
        "features: [{name: age, type: numeric, range: [0, 120]}]",
    ),
    "ModelFeatureNewCategory": Condition(
        (Need("a categorical feature", _some(_has_categories)),), "features: [{name: country, type: categorical}]"
    ),
}


def _matcher(names: Sequence[str]) -> str:
    """A matcher for these features; their names come from people, so they are escaped."""
    if len(names) == 1:
        return f"feature={q.quote(names[0])}"
    return f"feature=~{q.quote('|'.join(q.escape(name) for name in names))}"


def _above(scope: Scope, metric: Metric, limits: dict[str, Decimal]) -> str:
    """The ratio of each feature against its own limit, on windows with enough samples."""
    window = scope.model.drift.windows[0].text
    by_limit: dict[Decimal, list[str]] = {}
    for feature, limit in limits.items():
        by_limit.setdefault(limit, []).append(feature)
    parts = [
        f"max by (feature) ({q.selector(metric, _matcher(names), model=scope.model.name, window=window)}) > {q.number(limit)}"
        for limit, names in by_limit.items()
    ]
    body = parts[0] if len(parts) == 1 else " or ".join(f"({part})" for part in parts)
    samples = f"max by (feature) ({q.selector(DRIFT_SAMPLES, model=scope.model.name, window=window)}) >= {scope.model.drift.min_samples}"
    return f"({body}) and on (feature) {samples}"


def _alert(
    scope: Scope,
    *,
    name: str,
    metric: Metric,
    limits: dict[str, Decimal],
    what: str,
    spec_field: str,
    act: tuple[str, ...],
) -> Alert:
    model = scope.model
    window = model.drift.windows[0].text
    feature, limit = next(iter(limits.items()))
    label = {"model": model.name, "feature": feature, "window": window}
    share = float(limit)
    high = min(1.0, share + (1 - share) / 2)

    def measured(value: float, samples: int) -> dict[str, str]:
        return {series(metric, **label): flat(value, 40), series(DRIFT_SAMPLES, **label): flat(samples, 40)}

    enough = model.drift.min_samples
    return Alert(
        name=name,
        expr=_above(scope, metric, limits),
        wait="10m",
        labels=scope.labels("ticket", "quality"),
        threshold=", ".join(sorted({q.number(value) for value in limits.values()})),
        spec_field=spec_field,
        summary=f"Features of {model.name} have {what}",
        description=f"{{{{ $value | humanizePercentage }}}} of the values of {{{{ $labels.feature }}}} over {window} are {what}.",
        runbook=Runbook(
            meaning=f"More values than the spec allows are {what}.",
            impact="The model answers from data that it was not trained on; answers may be wrong without any error.",
            look=((f"Share of {what} by feature", q.selector(metric, model=model.name, window=window)),),
            act=act,
        ),
        scenarios=(
            Scenario(f"fires when too many values are {what}", measured(high, enough), "30m", ({"feature": feature},)),
            Scenario("stays quiet below the limit", measured(share / 2, enough), "30m"),
            Scenario("stays quiet on too few rows", measured(high, enough - 1), "30m"),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )


def rules(scope: Scope) -> tuple[Alert, ...]:
    model, out = scope.model, []
    missing = {feature.name: feature.missing_max_ratio for feature in model.features if _has_limit(feature)}
    ranged = {feature.name: model.limits.out_of_range_ratio for feature in model.features if _has_range(feature)}
    categorical = {
        feature.name: model.limits.new_category_ratio for feature in model.features if _has_categories(feature)
    }
    if missing:
        out.append(
            _alert(
                scope,
                name="ModelFeatureMissing",
                metric=FEATURE_MISSING,
                limits=missing,
                what="missing values",
                spec_field="features[].missing.max_ratio",
                act=(
                    "Find the source of the feature: did its job run, did a join key change?",
                    "Decide whether the model may answer without it; if not, make the service refuse.",
                ),
            )
        )
    if ranged:
        out.append(
            _alert(
                scope,
                name="ModelFeatureOutOfRange",
                metric=FEATURE_OUT_OF_RANGE,
                limits=ranged,
                what="values outside the range",
                spec_field="limits.out_of_range_ratio",
                act=(
                    "Look for a changed unit or encoding upstream.",
                    "If the values are right, widen the range in the spec.",
                ),
            )
        )
    if categorical:
        out.append(
            _alert(
                scope,
                name="ModelFeatureNewCategory",
                metric=FEATURE_NEW_CATEGORY,
                limits=categorical,
                what="categories never seen before",
                spec_field="limits.new_category_ratio",
                act=(
                    "Look for a renamed or newly added category upstream.",
                    "If it is real, retrain with it and make a new profile.",
                ),
            )
        )
    out.append(_rejected(scope))
    return tuple(out)


def _rejected(scope: Scope) -> Alert:
    model, limit = scope.model, scope.model.limits.rejected_ratio
    every = q.total(q.increase(q.selector(EXPORTER_ROWS, model=model.name), "15m"))
    bad = q.total(q.increase(q.selector(EXPORTER_ROWS, model=model.name, outcome="rejected"), "15m"))
    accepted = series(EXPORTER_ROWS, model=model.name, outcome="accepted")
    rejected = series(EXPORTER_ROWS, model=model.name, outcome="rejected")
    share = float(limit)
    return Alert(
        name="ModelRowsRejected",
        expr=f"{bad} / ({every} >= 20) > {q.number(limit)}",
        wait="5m",
        labels=scope.labels("ticket", "quality"),
        threshold=q.number(limit),
        spec_field="limits.rejected_ratio",
        summary=f"The sidecar rejects rows of {model.name}",
        description="{{ $value | humanizePercentage }} of the rows sent to the sidecar break the spec.",
        runbook=Runbook(
            meaning="Rows sent to the drift sidecar do not match the spec: a feature of another type, a missing prediction.",
            impact="Rejected rows are not in any drift score, so drift may go unseen.",
            look=(
                (
                    "Rows by outcome",
                    f"sum by (outcome) ({q.increase(q.selector(EXPORTER_ROWS, model=model.name), '15m')})",
                ),
            ),
            act=(
                "Send one row by hand with curl: the answer names the reason for each rejected row.",
                "Mend the sender, or the feature's type in the spec.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when too many rows are rejected",
                {accepted: grow(100 * max(0.0, 1 - 2 * share), 40), rejected: grow(100 * min(1.0, 2 * share), 40)},
                "30m",
                ({},),
            ),
            Scenario(
                "stays quiet below the limit",
                {accepted: grow(100 * (1 - share / 2), 40), rejected: grow(100 * share / 2, 40)},
                "30m",
            ),
            Scenario("stays quiet on a handful of rows", {accepted: flat(0, 40), rejected: grow(0.5, 40)}, "30m"),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )
