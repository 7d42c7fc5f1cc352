"""Latency: p50, p95 and p99. A ticket where an SLO already pages for latency."""

from __future__ import annotations

from bisect import bisect_right

from modelwatch.alert_rules.errors import has_slo
from modelwatch.alert_rules.rules import Alert, Recording, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, grow, series
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import IN_FLIGHT, LATENCY_BUCKETS, PREDICTION_DURATION, STAGE_DURATION
from modelwatch.telemetry.records import LATENCY_P50, LATENCY_P95, LATENCY_P99, TRAFFIC

# A 99th percentile of fewer answers is one slow request.
_MIN_ANSWERS = 50


def buckets(model: str, seconds: float, per_step: float, steps: int) -> dict[str, str]:
    """Bucket, sum and count series of requests that all take ``seconds``."""
    first = bisect_right(LATENCY_BUCKETS, seconds)
    out = {}
    for index, edge in enumerate((*LATENCY_BUCKETS, float("inf"))):
        le = "+Inf" if edge == float("inf") else repr(edge)
        value = grow(per_step, steps) if index >= first else flat(0, steps)
        out[series(PREDICTION_DURATION, part="bucket", le=le, model=model, version="1")] = value
    out[series(PREDICTION_DURATION, part="count", model=model, version="1")] = grow(per_step, steps)
    out[series(PREDICTION_DURATION, part="sum", model=model, version="1")] = grow(per_step * seconds, steps)
    return out


def rules(scope: Scope) -> tuple[Recording | Alert, ...]:
    model = scope.model
    rate = q.rate(q.selector(PREDICTION_DURATION, series="bucket", model=model.name), "5m")
    p99, traffic = LATENCY_P99.select(model=model.name), TRAFFIC.select(model=model.name)
    answers = q.total(q.rate(q.selector(PREDICTION_DURATION, series="count", model=model.name), "5m"))
    limit = model.limits.latency_p99
    seconds = limit.seconds
    slow = min(seconds * 2, LATENCY_BUCKETS[-1])
    # Below the bucket that holds the limit, so that interpolation cannot reach it.
    below = [edge for edge in LATENCY_BUCKETS if edge < seconds]
    fast = (below[-2] if len(below) > 1 else LATENCY_BUCKETS[0]) * 0.9
    stage = q.quantile(0.99, q.rate(q.selector(STAGE_DURATION, series="bucket", model=model.name), "5m"), "stage")
    alert = Alert(
        name="ModelLatencyHigh",
        expr=f"{p99} > {q.number(seconds)} and on () {answers} * 300 >= {_MIN_ANSWERS}",
        wait="5m",
        labels=scope.labels("ticket" if has_slo(scope, "latency") else "page", "latency"),
        threshold=limit.text,
        spec_field="limits.latency_p99",
        summary=f"{model.name} answers slowly",
        description=f"The slowest 1% of answers take {{{{ $value | humanizeDuration }}}} or more; the limit is {limit.text}.",
        runbook=Runbook(
            meaning="One in a hundred answers takes longer than the spec allows.",
            impact="Callers wait or time out; slow requests hold workers, so errors and saturation follow.",
            look=(
                ("Which stage is slow (p99 by stage)", stage),
                ("Requests in flight", q.total(q.selector(IN_FLIGHT, model=model.name), "instance")),
                ("Answers per second", traffic),
            ),
            act=(
                "preprocessing slow: the feature store or an upstream call. predict slow: the model or its hardware.",
                "Everything slow and many requests in flight: too little capacity; add replicas or shed load.",
                "Slow since a deploy: roll back.",
                "Open a slow trace from the exemplars on the latency panel.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when the slowest answers take twice the limit",
                buckets(model.name, slow * 0.95, 600, 30),
                "15m",
                ({},),
            ),
            Scenario("stays quiet when answers are quick", buckets(model.name, fast, 600, 30), "15m"),
            Scenario("stays quiet on one slow request in a quiet hour", buckets(model.name, slow * 0.95, 1, 30), "15m"),
            Scenario("stays quiet without data", {}, "15m"),
        ),
    )
    return (
        scope.recording(LATENCY_P50.name, q.quantile(0.5, rate)),
        scope.recording(LATENCY_P95.name, q.quantile(0.95, rate)),
        scope.recording(LATENCY_P99.name, q.quantile(0.99, rate)),
        alert,
    )
