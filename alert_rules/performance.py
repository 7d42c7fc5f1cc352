"""Performance on true labels: accuracy, once enough of them have arrived."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Condition, Need, Recording, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, grow, series
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import LABELLED
from modelwatch.telemetry.records import ACCURACY

# Standard error of a ratio on 200 labels is at most 0.035.
_MIN_LABELS = 200
_LABELS = (
    Need("task.type: classification", lambda model: model.task.type == "classification"),
    Need("task.classes", lambda model: bool(model.task.classes)),
)
CONDITIONS = {
    "ModelAccuracyLow": Condition(
        (
            *_LABELS,
            Need("performance.metrics.accuracy.min", lambda model: model.performance.min_accuracy is not None),
        ),
        "performance: {metrics: {accuracy: {min: 0.85}}}",
    )
}


def rules(scope: Scope) -> tuple[Recording | Alert, ...]:
    model = scope.model
    if not all(need.met(model) for need in _LABELS):
        return ()
    window = model.performance.window.text
    every = q.total(q.increase(q.selector(LABELLED, model=model.name), window))
    right = " + ".join(
        f"({q.total(q.increase(q.selector(LABELLED, model=model.name, predicted=label, actual=label), window))} or vector(0))"
        for label in model.task.classes
    )
    recording = scope.recording(ACCURACY.name, f"({right}) / ({every} >= {_MIN_LABELS})")
    limit = model.performance.min_accuracy
    if limit is None:
        return (recording,)
    first, second = model.task.classes[0], model.task.classes[1]
    hit = series(LABELLED, model=model.name, version="1", predicted=first, actual=first)
    miss = series(LABELLED, model=model.name, version="1", predicted=first, actual=second)
    low, high = float(limit) * 0.8, (1 + float(limit)) / 2
    alert = Alert(
        name="ModelAccuracyLow",
        expr=f"{ACCURACY.select(model=model.name)} < {q.number(limit)}",
        wait="15m",
        labels=scope.labels("ticket", "performance"),
        threshold=q.number(limit),
        spec_field="performance.metrics.accuracy.min",
        summary=f"{model.name} is wrong too often",
        description=f"{{{{ $value | humanizePercentage }}}} of the predictions with a true label were right over {window}; the spec wants {q.number(limit * 100)}%.",
        runbook=Runbook(
            meaning="Accuracy on predictions whose true label has arrived is below what the spec promises.",
            impact="Whoever acts on the predictions acts wrongly more often than was agreed.",
            look=(
                (
                    "Which classes are mixed up",
                    f"sum by (predicted, actual) ({q.increase(q.selector(LABELLED, model=model.name), window)})",
                ),
                ("By version", f"sum by (version) ({q.increase(q.selector(LABELLED, model=model.name), window)})"),
            ),
            act=(
                "Compare with the drift board: did an input change at the same time?",
                "One version only: roll back.",
                "Otherwise retrain on recent labels.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when too many predictions are wrong",
                {hit: grow(100 * low, 120), miss: grow(100 * (1 - low), 120)},
                "100m",
                ({},),
            ),
            Scenario(
                "stays quiet when enough are right",
                {hit: grow(100 * high, 120), miss: grow(100 * (1 - high), 120)},
                "100m",
            ),
            Scenario("stays quiet on few labels", {hit: flat(0, 120), miss: grow(1, 120)}, "100m"),
            Scenario("stays quiet without data", {}, "100m"),
        ),
    )
    return (recording, alert)
