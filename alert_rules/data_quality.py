"""Data quality: missing, out-of-range and never-seen values, and rows that the sidecar had to reject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from modelwatch.alert_rules.drift_scenarios import MINUTES, Told, at_the_end, sidecars
from modelwatch.alert_rules.drift_windows import lately, quick
from modelwatch.alert_rules.rules import BASELINE, Alert, Condition, Need, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, grow, series
from modelwatch.model.types import Feature, Model
from modelwatch.telemetry import promql as q
from modelwatch.telemetry import records as r
from modelwatch.telemetry.metrics import (
    DRIFT_SAMPLES,
    EXPORTER_ROWS,
    FEATURE_MISMATCHED,
    FEATURE_MISSING,
    FEATURE_NEW_CATEGORY,
    FEATURE_OUT_OF_RANGE,
    Metric,
)

# Fewer rows in a quarter of an hour say nothing of a share.
_LEAST_ROWS = 20


@dataclass(frozen=True, slots=True)
class _Share:
    """A share of values with a limit for each feature: its alert's name, words, and what to do."""

    name: str
    limits: dict[str, Decimal]
    what: str
    spec_field: str
    act: tuple[str, ...]


def counted(scope: Scope) -> tuple[Alert, ...]:
    """What the bins of the whole fleet tell. They read what drift_records records: nothing without a baseline."""
    if scope.model.baseline is None:
        return ()
    shares = (
        (_missing(scope), r.FLEET_MISSING, FEATURE_MISSING, "missing"),
        (_new_category(scope), r.FLEET_NEW_CATEGORY, FEATURE_NEW_CATEGORY, "new"),
    )
    return tuple(_of_fleet(scope, *one) for one in shares if one[0].limits)


def rules(scope: Scope) -> tuple[Alert, ...]:
    """What only the sidecars tell."""
    out = []
    if scope.model.baseline is None and _missing(scope).limits:
        out.append(_of_sidecars(scope, _missing(scope), FEATURE_MISSING))
    if _out_of_range(scope).limits:
        out.append(_of_sidecars(scope, _out_of_range(scope), FEATURE_OUT_OF_RANGE))
    if scope.model.features:
        out.append(_mismatched(scope))
    return (*out, _rejected(scope))


def _missing(scope: Scope) -> _Share:
    return _Share(
        "ModelFeatureMissing",
        {feature.name: feature.missing_max_ratio for feature in scope.model.features if _has_limit(feature)},
        "missing values",
        "features[].missing.max_ratio",
        (
            "Find the source of the feature: did its job run, did a join key change?",
            "Decide whether the model may answer without it; if not, make the service refuse.",
        ),
    )


def _out_of_range(scope: Scope) -> _Share:
    limit = scope.model.limits.out_of_range_ratio
    return _Share(
        "ModelFeatureOutOfRange",
        {feature.name: limit for feature in scope.model.features if _has_range(feature)},
        "values outside the range",
        "limits.out_of_range_ratio",
        ("Look for a changed unit or encoding upstream.", "If the values are right, widen the range in the spec."),
    )


def _new_category(scope: Scope) -> _Share:
    limit = scope.model.limits.new_category_ratio
    return _Share(
        "ModelFeatureNewCategory",
        {feature.name: limit for feature in scope.model.features if _has_categories(feature)},
        "categories never seen before",
        "limits.new_category_ratio",
        (
            "Look for a renamed or newly added category upstream.",
            "If it is real, retrain with it and make a new profile.",
        ),
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
        (Need("a categorical feature", _some(_has_categories)), BASELINE),
        "features: [{name: country, type: categorical}]\nbaseline: {data: training.csv}",
    ),
    "ModelFeatureTypeWrong": Condition(
        (Need("a feature", lambda model: bool(model.features)),), "features: [{name: age, type: numeric}]"
    ),
}


def _matcher(names: Sequence[str]) -> str:
    """A matcher for these features; their names come from people, so they are escaped."""
    if len(names) == 1:
        return f"feature={q.quote(names[0])}"
    return f"feature=~{q.quote('|'.join(q.escape(name) for name in names))}"


def _told_by_sidecars(scope: Scope, metric: Metric, which: str) -> str:
    """A share over all replicas, each weighed by its rows, where there are enough of them."""
    place = {"model": scope.model.name, "window": quick(scope)}
    share, rows = q.selector(metric, which, **place), q.selector(DRIFT_SAMPLES, which, **place)
    return f"sum by (feature) ({share} * {rows}) / (sum by (feature) ({rows} and {share}) >= {_enough(scope)})"


def _told_by_fleet(scope: Scope, record: r.Record, which: str) -> str:
    place = {"model": scope.model.name, "window": quick(scope)}
    share, rows = (lately(one.select(which, **place)) for one in (record, r.FLEET_SAMPLES))
    return f"max by (feature) ({share} and on (feature) ({rows} >= {_enough(scope)}))"


def _enough(scope: Scope) -> int:
    return max(scope.model.drift.min_samples, 1)


def _above(limits: dict[str, Decimal], share: Callable[[str], str]) -> str:
    """The share of each feature against its own limit."""
    by_limit: dict[Decimal, list[str]] = {}
    for feature, limit in limits.items():
        by_limit.setdefault(limit, []).append(feature)
    parts = [f"({share(_matcher(names))}) > {q.number(limit)}" for limit, names in by_limit.items()]
    return " or ".join(parts)


def _of_fleet(scope: Scope, share: _Share, record: r.Record, metric: Metric, bin: str) -> Alert:
    """Of features without a reference the sidecars' own shares."""
    name, least = scope.model.name, max(_enough(scope), 500)
    feature, limit = next(iter(share.limits.items()))
    place = {"model": name, "feature": feature, "window": quick(scope)}

    def told(part: float, *, idle: bool = False, starts_again: bool = False) -> dict[str, str]:
        made = sidecars(scope, Told(feature, least, extra=(bin, part), idle=idle, starts_again=starts_again))
        # Whether new categories can be told at all, the sidecars say.
        return {**made, series(metric, **place): flat(part, MINUTES)}

    few = {series(metric, **place): flat(1, MINUTES), series(DRIFT_SAMPLES, **place): flat(_enough(scope) - 1, MINUTES)}
    high, low = _high(limit), float(limit) / 2
    late = partial(at_the_end, scope)
    return _alert(
        scope,
        share,
        _above(
            share.limits,
            lambda which: f"{_told_by_fleet(scope, record, which)} or {_told_by_sidecars(scope, metric, which)}",
        ),
        record.select(model=name, window=quick(scope)),
        (
            late(f"fires when too many values are {share.what}", told(high), {"feature": feature}),
            late(
                "fires for a feature without a reference",
                {series(metric, **place): flat(high, MINUTES), series(DRIFT_SAMPLES, **place): flat(least, MINUTES)},
                {"feature": feature},
            ),
            late("stays quiet below the limit", told(low)),
            late("stays quiet when a replica starts to count again", told(low, starts_again=True)),
            late("stays quiet on too few rows", few),
            late("stays quiet when idle", told(high, idle=True)),
            late("stays quiet without data", {}),
        ),
    )


def _of_sidecars(scope: Scope, share: _Share, metric: Metric) -> Alert:
    feature, limit = next(iter(share.limits.items()))
    label = {"model": scope.model.name, "feature": feature, "window": quick(scope)}
    enough = _enough(scope)

    def measured(*replicas: tuple[float, float]) -> dict[str, str]:
        """(share, rows) of each replica."""
        out = {}
        for number, (value, rows) in enumerate(replicas):
            place = {**label, "instance": f"{number}"}
            out[series(metric, **place)] = flat(value, 40)
            out[series(DRIFT_SAMPLES, **place)] = flat(rows, 40)
        return out

    high, low = _high(limit), float(limit) / 2
    return _alert(
        scope,
        share,
        _above(share.limits, lambda which: _told_by_sidecars(scope, metric, which)),
        q.selector(metric, model=scope.model.name, window=quick(scope)),
        (
            Scenario(
                f"fires when too many values are {share.what}",
                measured((high, enough)),
                "30m",
                ({"feature": feature},),
            ),
            Scenario("stays quiet below the limit", measured((low, enough)), "30m"),
            Scenario(
                "stays quiet when it is only a replica with few rows",
                measured((low / 2, 1000 * enough), (high, enough)) if low > 0 else measured((0, enough)),
                "30m",
            ),
            Scenario("stays quiet on too few rows", measured((high, enough - 1)), "30m"),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )


def _high(limit: Decimal) -> float:
    """Well above the limit."""
    share = float(limit)
    return min(1.0, share + (1 - share) / 2)


def _alert(scope: Scope, share: _Share, expr: str, look: str, scenarios: tuple[Scenario, ...]) -> Alert:
    return Alert(
        name=share.name,
        expr=expr,
        wait="10m",
        labels=scope.labels("ticket", "quality"),
        threshold=", ".join(sorted({q.number(value) for value in share.limits.values()})),
        spec_field=share.spec_field,
        summary=f"Features of {scope.model.name} have {share.what}",
        description=f"{{{{ $value | humanizePercentage }}}} of the values of {{{{ $labels.feature }}}} over {quick(scope)} are {share.what}.",
        runbook=Runbook(
            meaning=f"More values than the spec allows are {share.what}.",
            impact="The model answers from data that it was not trained on; answers may be wrong without any error.",
            look=((f"Share of {share.what} by feature", look),),
            act=share.act,
        ),
        scenarios=scenarios,
    )


def _mismatched(scope: Scope) -> Alert:
    """By counters, since rows with such values are rejected: no window holds them."""
    model, limit = scope.model, scope.model.limits.rejected_ratio
    wrong = q.total(q.increase(q.selector(FEATURE_MISMATCHED, model=model.name), "15m"), "feature")
    every = q.total(q.increase(q.selector(EXPORTER_ROWS, model=model.name), "15m"))
    feature, other = model.features[0].name, "steady"
    rows = {outcome: series(EXPORTER_ROWS, model=model.name, outcome=outcome) for outcome in ("accepted", "rejected")}
    bad, good = (series(FEATURE_MISMATCHED, model=model.name, feature=name) for name in (feature, other))

    def counts(share: float, per_minute: float = 100) -> dict[str, str]:
        return {
            rows["accepted"]: grow(per_minute * (1 - share), 40),
            rows["rejected"]: grow(per_minute * share, 40),
            bad: grow(per_minute * share, 40),
            good: flat(0, 40),
        }

    return Alert(
        name="ModelFeatureTypeWrong",
        expr=f"{wrong} / on () group_left () ({every} >= {_LEAST_ROWS}) > {q.number(limit)}",
        wait="5m",
        labels=scope.labels("ticket", "quality"),
        threshold=q.number(limit),
        spec_field="limits.rejected_ratio",
        summary=f"Features of {model.name} have values of a wrong type",
        description="{{ $value | humanizePercentage }} of the rows have a value of a wrong type in {{ $labels.feature }} and are rejected.",
        runbook=Runbook(
            meaning="A feature comes as another type than the spec says: text where numbers are due, or the other way round.",
            impact="The rows are in no drift score; the model itself may fail on them, or read them in its own way.",
            look=(("Values of a wrong type by feature in 15 minutes", wrong), ("Rows in 15 minutes", every)),
            act=(
                "Send one row by hand with curl: the answer names the value and the type that is due.",
                "Mend the sender, or the feature's type in the spec.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires for the feature whose values are wrong",
                counts(min(1.0, 2 * float(limit))),
                "30m",
                ({"feature": feature},),
            ),
            Scenario("stays quiet below the limit", counts(float(limit) / 2), "30m"),
            Scenario("stays quiet on a handful of rows", counts(1, 0.5), "30m"),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )


def _rejected(scope: Scope) -> Alert:
    model, limit = scope.model, scope.model.limits.rejected_ratio
    every = q.total(q.increase(q.selector(EXPORTER_ROWS, model=model.name), "15m"))
    bad = q.total(q.increase(q.selector(EXPORTER_ROWS, model=model.name, outcome="rejected"), "15m"))
    accepted = series(EXPORTER_ROWS, model=model.name, outcome="accepted")
    rejected = series(EXPORTER_ROWS, model=model.name, outcome="rejected")
    share = float(limit)
    return Alert(
        name="ModelRowsRejected",
        expr=f"{bad} / ({every} >= {_LEAST_ROWS}) > {q.number(limit)}",
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
