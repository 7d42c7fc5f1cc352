"""Staleness: feature sources that stopped, rows that no longer reach the sidecar, batch runs that are overdue."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Condition, Need, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, grow, series
from modelwatch.model.units import Duration
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import (
    BATCH_LAST_SUCCESS,
    BATCH_RUNS,
    EXPORTER_LAST_ROW,
    FEATURE_AGE,
    PREDICTIONS,
    Metric,
)

CONDITIONS = {
    "ModelRowsStale": Condition(
        (Need("serving.mode: online", lambda model: model.serving.mode == "online"),), "serving: {mode: online}"
    ),
    "ModelBatchOverdue": Condition(
        (Need("serving.mode: batch", lambda model: model.serving.mode == "batch"),), "serving: {mode: batch, every: 1d}"
    ),
}


def rules(scope: Scope) -> tuple[Alert, ...]:
    made = {"ModelRowsStale": _rows, "ModelBatchOverdue": _batch}
    return (_features(scope), *(make(scope) for name, make in made.items() if CONDITIONS[name].holds(scope.model)))


def _features(scope: Scope) -> Alert:
    model, limit = scope.model, scope.model.limits.feature_age
    age = series(FEATURE_AGE, model=model.name, version="1", source="weather")
    return Alert(
        name="ModelFeatureStale",
        expr=f"max by (source) ({q.selector(FEATURE_AGE, model=model.name)}) > {q.number(limit.seconds)}",
        wait="2m",
        labels=scope.labels("ticket", "staleness"),
        threshold=limit.text,
        spec_field="limits.feature_age",
        summary=f"{model.name} answers from stale features",
        description=f"The newest value of {{{{ $labels.source }}}} is {{{{ $value | humanizeDuration }}}} old; the limit is {limit.text}.",
        runbook=Runbook(
            meaning="A source that features come from has stopped being updated.",
            impact="Answers are given as if the world had stopped; drift and quality alerts follow and are held back while this one fires.",
            look=(("Age by source", f"max by (source) ({q.selector(FEATURE_AGE, model=model.name)})"),),
            act=(
                "Look at the job that fills the source: did it run, did it fail, is it late?",
                "Decide whether the model should answer without the source.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when a source is older than the limit",
                {age: flat(limit.seconds * 2, 20)},
                "10m",
                ({"source": "weather"},),
            ),
            Scenario("stays quiet while sources are fresh", {age: flat(limit.seconds / 2, 20)}, "10m"),
            Scenario("stays quiet without data", {}, "10m"),
        ),
    )


def _clock(metric: Metric, model: str, behind: float, steps: int) -> dict[str, str]:
    """A timestamp that stays ``behind`` seconds before now; promtool's clock starts at 0, steps are a minute."""
    return {
        series(metric, model=model, **({"version": "1"} if "version" in metric.labels else {})): grow(
            60, steps, -behind
        )
    }


def _rows(scope: Scope) -> Alert:
    model, limit = scope.model, scope.model.limits.row_age
    last = q.selector(EXPORTER_LAST_ROW, model=model.name)
    traffic = q.total(q.rate(q.selector(PREDICTIONS, model=model.name), "5m"))
    busy = {series(PREDICTIONS, model=model.name, version="1", outcome="success"): grow(60, 60)}
    idle = {series(PREDICTIONS, model=model.name, version="1", outcome="success"): flat(60, 60)}
    return Alert(
        name="ModelRowsStale",
        expr=f"time() - max({last}) > {q.number(limit.seconds)} and {traffic} > 0",
        wait="5m",
        labels=scope.labels("ticket", "staleness"),
        threshold=limit.text,
        spec_field="limits.row_age",
        summary=f"Rows of {model.name} no longer reach the drift sidecar",
        description=f"The last row came {{{{ $value | humanizeDuration }}}} ago while predictions are being answered; the limit is {limit.text}.",
        runbook=Runbook(
            meaning="The model answers, but its rows do not arrive where drift is measured.",
            impact="Drift and data quality are not watched: every score stands on old rows.",
            look=(("Seconds since the last row", f"time() - max({last})"), ("Predictions per second", traffic)),
            act=(
                "Look at modelwatch_client_rows_total in the service: dropped means the sidecar is out of reach or too slow.",
                "Is the sidecar up? See SidecarDown.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when rows stop while predictions go on",
                {**busy, **_clock(EXPORTER_LAST_ROW, model.name, limit.seconds * 2, 60)},
                "30m",
                ({},),
            ),
            Scenario("stays quiet while rows arrive", {**busy, **_clock(EXPORTER_LAST_ROW, model.name, 5, 60)}, "30m"),
            Scenario(
                "stays quiet when idle", {**idle, **_clock(EXPORTER_LAST_ROW, model.name, limit.seconds * 2, 60)}, "30m"
            ),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )


def _batch(scope: Scope) -> Alert:
    model = scope.model
    every = model.serving.every or Duration.parse("1d")
    limit = every.seconds * 1.5
    last = q.selector(BATCH_LAST_SUCCESS, model=model.name)
    return Alert(
        name="ModelBatchOverdue",
        expr=f"time() - max({last}) > {q.number(limit)}",
        wait="1m",
        labels=scope.labels("page", "staleness"),
        threshold=Duration(int(limit * 1000)).text,
        spec_field="serving.every",
        summary=f"The scoring run of {model.name} is overdue",
        description=f"The last good run ended {{{{ $value | humanizeDuration }}}} ago; one is due every {every.text}.",
        runbook=Runbook(
            meaning=f"No scoring run has ended well for one and a half times its interval ({every.text}).",
            impact="Whoever reads the scores works with old ones.",
            look=(
                (
                    "Runs by outcome in a day",
                    f"sum by (outcome) ({q.increase(q.selector(BATCH_RUNS, model=model.name), '1d')})",
                ),
                ("Seconds since the last good run", f"time() - max({last})"),
            ),
            act=(
                "Did the scheduler start it? Look at its history.",
                "Did it fail? Read its log, mend, run it by hand.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when a run is overdue", _clock(BATCH_LAST_SUCCESS, model.name, limit * 1.1, 60), "30m", ({},)
            ),
            Scenario(
                "stays quiet while runs end on time",
                _clock(BATCH_LAST_SUCCESS, model.name, every.seconds * 0.5, 60),
                "10m",
            ),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )
