"""Features together: correlations that moved, and rows that are like none of the reference. Good to know; nobody is woken."""

from __future__ import annotations

from modelwatch.alert_rules.drift_windows import lately, steady
from modelwatch.alert_rules.rules import BASELINE, Alert, Condition, Need, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, series
from modelwatch.model import defaults
from modelwatch.model.types import Model
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import CORRELATION_CHANGE, DRIFT_SAMPLES, RECONSTRUCTION_ERROR

_CHANGE, _RATIO = defaults.CORRELATION_CHANGE, defaults.RECONSTRUCTION_ERROR_RATIO


def _numeric(model: Model) -> list[str]:
    return [feature.name for feature in model.features if feature.type == "numeric"]


CONDITIONS = {
    name: Condition(
        (Need("two numeric features", lambda model: len(_numeric(model)) >= 2), BASELINE),
        "features: [{name: age, type: numeric}, {name: f, type: numeric}]\nbaseline: {data: training.csv}",
    )
    for name in ("ModelCorrelationChanged", "ModelRowsUnusual")
}


def rules(scope: Scope) -> tuple[Alert, ...]:
    if not all(condition.holds(scope.model) for condition in CONDITIONS.values()):
        return ()
    one, other, *_ = _numeric(scope.model)
    return (_correlation(scope, one, other), _reconstruction(scope, one))


def _correlation(scope: Scope, one: str, other: str) -> Alert:
    name, window = scope.model.name, steady(scope)
    told = q.selector(CORRELATION_CHANGE, model=name, window=window)
    pair = {"feature": one, "other": other}

    def moved(change: float) -> dict[str, str]:
        return {series(CORRELATION_CHANGE, model=name, window=window, **pair): flat(change, 40)}

    return Alert(
        name="ModelCorrelationChanged",
        expr=f"max by (feature, other) (abs({lately(told)})) > {_CHANGE}",
        wait="15m",
        labels=scope.labels("info", "drift"),
        threshold=f"{_CHANGE}",
        summary=f"Features of {name} no longer move together as they did",
        description=f"The correlation of {{{{ $labels.feature }}}} and {{{{ $labels.other }}}} over {window} is {{{{ $value | humanize }}}} away from the reference's.",
        runbook=Runbook(
            meaning="Each feature may look as always, but two of them are related in another way than in the reference: a join that mixes rows, a unit that changed for some, a new kind of request.",
            impact="A model that learned both together may answer worse without any error.",
            look=(("Change of each pair that moved beyond chance", told),),
            act=(
                "One feature in all pairs: look at its source.",
                "Several: look for rows that were joined wrongly.",
                "A real change: check accuracy on recent labels, then retrain and make a new profile.",
            ),
        ),
        scenarios=(
            Scenario("fires when a correlation is lost", moved(-2 * _CHANGE), "30m", (pair,)),
            Scenario("stays quiet on small changes", moved(_CHANGE / 2), "30m"),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )


def _reconstruction(scope: Scope, feature: str) -> Alert:
    name, window = scope.model.name, steady(scope)
    ratio = q.selector(RECONSTRUCTION_ERROR, model=name, window=window)
    # The rows of a window are the same for every feature.
    rows = q.selector(DRIFT_SAMPLES, model=name, window=window, feature=feature)
    of_all = f"sum({ratio} * ignoring (feature) {rows}) / (sum({rows} and ignoring (feature) {ratio}) > 0)"

    def replicas(*told: tuple[float, int]) -> dict[str, str]:
        """(ratio, rows) of each."""
        out = {}
        for number, (value, count) in enumerate(told):
            place = {"model": name, "window": window, "instance": f"{number}"}
            out[series(RECONSTRUCTION_ERROR, **place)] = flat(value, 40)
            out[series(DRIFT_SAMPLES, **place, feature=feature)] = flat(count, 40)
        return out

    return Alert(
        name="ModelRowsUnusual",
        expr=f"{of_all} > {_RATIO}",
        wait="15m",
        labels=scope.labels("info", "drift"),
        threshold=f"{_RATIO}",
        summary=f"Rows of {name} are unlike those of the reference",
        description=f"Over {window} rows lie {{{{ $value | humanize }}}} times as far from the reference's principal components as its own do.",
        runbook=Runbook(
            meaning="Taken together, the numeric features of a row fit the reference worse than its own rows do, even if each feature alone looks as always.",
            impact="The model answers for a kind of row that it has hardly seen.",
            look=(
                ("Distance over that of the reference, by replica", ratio),
                (
                    "Pairs of features that are related in another way",
                    q.selector(CORRELATION_CHANGE, model=name, window=window),
                ),
            ),
            act=(
                "Look at ModelCorrelationChanged and the drift board: which features are in it?",
                "A data fault: mend the source. A new kind of request: check accuracy on its labels, then retrain.",
            ),
        ),
        scenarios=(
            Scenario("fires when rows lie far off", replicas((1.5 * _RATIO, 900), (1, 100)), "30m", ({},)),
            Scenario("stays quiet when it is only a replica with few rows", replicas((1, 900), (5, 100)), "30m"),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )
