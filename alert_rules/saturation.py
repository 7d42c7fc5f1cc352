"""Saturation: requests in flight over what the service can answer at the same time."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Recording, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, series
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import CONCURRENCY_LIMIT, IN_FLIGHT
from modelwatch.telemetry.records import SATURATION, TRAFFIC


def rules(scope: Scope) -> tuple[Recording | Alert, ...]:
    model = scope.model
    in_flight = q.total(q.selector(IN_FLIGHT, model=model.name))
    capacity = q.total(q.selector(CONCURRENCY_LIMIT, model=model.name))
    limit = model.limits.saturation
    busy = series(IN_FLIGHT, model=model.name, version="1")
    room = series(CONCURRENCY_LIMIT, model=model.name, version="1")
    share = float(limit)
    alert = Alert(
        name="ModelSaturated",
        expr=f"avg_over_time({SATURATION.select(model=model.name)}[10m]) > {q.number(limit)}",
        wait="5m",
        labels=scope.labels("ticket", "saturation"),
        threshold=q.number(limit),
        spec_field="limits.saturation",
        summary=f"{model.name} is nearly out of capacity",
        description=f"{{{{ $value | humanizePercentage }}}} of the concurrency limit is in use; the limit is {q.number(limit * 100)}%.",
        runbook=Runbook(
            meaning="Nearly all requests that the service can answer at once are taken.",
            impact="The next rise in traffic or latency makes callers wait or fail.",
            look=(
                ("Requests in flight by instance", q.total(q.selector(IN_FLIGHT, model=model.name), "instance")),
                ("Answers per second", TRAFFIC.select(model=model.name)),
            ),
            act=(
                "Add replicas or raise the concurrency limit if the machine has room.",
                "Find what made each request slower: see ModelLatencyHigh.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when nearly all capacity is taken",
                {busy: flat(100 * min(1, share * 1.1), 40), room: flat(100, 40)},
                "30m",
                ({},),
            ),
            Scenario("stays quiet with room to spare", {busy: flat(100 * share * 0.5, 40), room: flat(100, 40)}, "30m"),
            Scenario("stays quiet when the service sets no limit", {busy: flat(50, 40)}, "30m"),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )
    return (scope.recording(SATURATION.name, f"{in_flight} / ({capacity} > 0)"), alert)
