"""Traffic: how many predictions are answered, and a fall against the same hours a week ago. Idle is not broken."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Recording, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, grow, series, then
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import PREDICTIONS
from modelwatch.telemetry.records import TRAFFIC

# Below one prediction in five minutes a week ago, a fall means nothing.
_FLOOR = 1 / 300
# A week of evaluations a minute apart would take promtool minutes.
_EVERY = "30m"


def rules(scope: Scope) -> tuple[Recording | Alert, ...]:
    model = scope.model
    traffic = TRAFFIC.select(model=model.name)
    remaining = 1 - model.limits.traffic_drop
    week_ago = f"avg_over_time({traffic}[30m] offset 1w)"
    fallen = f"avg_over_time({traffic}[30m]) < {q.number(remaining)} * ({week_ago} > {q.number(round(_FLOOR, 4))})"
    steady = series(PREDICTIONS, model=model.name, version="1", outcome="success")
    week = 7 * 24 * 60  # steps of a minute
    drop = Alert(
        name="ModelTrafficDropped",
        expr=fallen,
        wait="15m",
        labels=scope.labels("ticket", "traffic"),
        threshold=q.number(model.limits.traffic_drop),
        spec_field="limits.traffic_drop",
        summary=f"{model.name} answers far fewer predictions than a week ago",
        description=(
            "{{ $value | humanize }} predictions per second over 30 minutes, "
            f"less than {q.number(remaining * 100)}% of the same time last week."
        ),
        runbook=Runbook(
            meaning="Callers send far less than at the same time last week, or their requests no longer arrive.",
            impact="Whoever should get predictions may be getting none; every ratio over this model stands on less data.",
            look=(
                (
                    "Predictions per second, by version",
                    q.total(q.rate(q.selector(PREDICTIONS, model=model.name), "5m"), "version"),
                ),
                ("The same a week ago", f"{traffic} offset 1w"),
            ),
            act=(
                "Ask the calling service: a deploy, a feature flag, a holiday?",
                "Look at the gateway or queue in front of the model for refused or lost requests.",
                "If the fall is right (a holiday, a campaign that ended), silence the alert for that time.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when traffic falls to a tenth of last week's",
                {steady: then(grow(60, week), grow(2, 240, 60 * week))},
                f"{7 * 24 * 60 + 120}m",
                ({},),
                "1m",
                _EVERY,
            ),
            Scenario(
                "stays quiet while traffic is as last week",
                {steady: grow(60, week + 240)},
                f"{7 * 24 * 60 + 120}m",
                step="1m",
                every=_EVERY,
            ),
            Scenario(
                "stays quiet on a model that was idle last week too",
                {steady: flat(7, week + 240)},
                f"{7 * 24 * 60 + 120}m",
                step="1m",
                every=_EVERY,
            ),
            Scenario("stays quiet without data", {}, "1h"),
        ),
    )
    return (
        scope.recording(TRAFFIC.name, q.total(q.rate(q.selector(PREDICTIONS, model=model.name), "5m"))),
        drop,
    )
