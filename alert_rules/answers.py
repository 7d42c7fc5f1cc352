"""What the model answers, besides its drift: the same for every request, or unsure far more often than the day before."""

from __future__ import annotations

from modelwatch.alert_rules.drift_windows import lately, quick
from modelwatch.alert_rules.rules import BASELINE, Alert, Condition, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, series, then
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import CONSTANT_OUTPUT, DRIFT_SAMPLES, LOW_CONFIDENCE

# A model may well be unsure of a third of its requests every day: what tells is a share that doubles.
_TIMES = 2
# Below a tenth of the answers, twice as many are few still.
_LEAST_SHARE = 0.1
# A day of evaluations a minute apart would take promtool long.
_EVERY = "30m"
_DAY = 24 * 60


# How likely equal answers are, the reference tells.
CONDITIONS = {"ModelOutputConstant": Condition((BASELINE,), "baseline: {data: training.csv}")}


def rules(scope: Scope) -> tuple[Alert, ...]:
    """They stand on answers that the sidecar gets, so that batch models have them too."""
    constant = CONDITIONS["ModelOutputConstant"].holds(scope.model)
    return (*((_constant(scope),) if constant else ()), _unsure(scope))


def _constant(scope: Scope) -> Alert:
    name, window = scope.model.name, quick(scope)
    told = q.selector(CONSTANT_OUTPUT, model=name, window=window)

    def replicas(*values: int) -> dict[str, str]:
        return {
            series(CONSTANT_OUTPUT, model=name, window=window, instance=str(number)): flat(value, 40)
            for number, value in enumerate(values)
        }

    return Alert(
        name="ModelOutputConstant",
        expr=f"max({lately(told)}) == 1",
        wait="10m",
        labels=scope.labels("ticket", "quality"),
        summary=f"{name} gives the same answer to every request",
        description=f"All answers that a replica of the sidecar has seen over {window} are the same, which chance would hardly make so.",
        runbook=Runbook(
            meaning="Whatever the model is asked, it answers the same: a default after a failure, a broken feature pipeline, weights that were not loaded.",
            impact="The answers are worth nothing, and no error is raised.",
            look=(
                ("Which replica sees it", f"{told} == 1"),
                (
                    "Answers in the window",
                    f"max by (instance) ({q.selector(DRIFT_SAMPLES, model=name, window=window, feature='prediction')})",
                ),
            ),
            act=(
                "Ask the model by hand with two requests that must differ.",
                "Did it begin with a deploy? Roll back. Else look for a feature that has become constant on the drift board.",
                "Are all requests alike (a load test, a single caller)? Then the answers may be right.",
            ),
        ),
        scenarios=(
            Scenario("fires when one of two replicas sees only one answer", replicas(0, 1), "30m", ({},)),
            Scenario("stays quiet while answers differ", replicas(0, 0), "30m"),
            Scenario("stays quiet without data", {}, "30m"),
        ),
    )


def _unsure(scope: Scope) -> Alert:
    name, window = scope.model.name, quick(scope)
    share = q.selector(LOW_CONFIDENCE, model=name, window=window)
    rows = q.selector(DRIFT_SAMPLES, model=name, window=window, feature="confidence")

    def of_all(ago: str = "") -> str:
        """Over all replicas, each weighed by its answers."""
        then, by = (f"{one}{ago}" for one in (share, rows))
        return f"sum({then} * ignoring (feature) {by}) / (sum({by} and ignoring (feature) {then}) > 0)"

    before = of_all(" offset 1d")

    def answers(yesterday: float, today: float) -> dict[str, str]:
        place = {"model": name, "window": window}
        return {
            series(LOW_CONFIDENCE, **place): then(flat(yesterday, _DAY), flat(today, 180)),
            series(DRIFT_SAMPLES, **place, feature="confidence"): flat(1000, _DAY + 180),
        }

    late = f"{_DAY + 120}m"
    usual = _LEAST_SHARE * 1.5
    return Alert(
        name="ModelConfidenceLow",
        expr=f"{of_all()} > {_LEAST_SHARE} and {of_all()} > {_TIMES} * ({before})",
        wait="15m",
        labels=scope.labels("info", "quality"),
        threshold=f"{_TIMES} times the day before, and {_LEAST_SHARE}",
        spec_field="tracing.low_confidence",
        summary=f"{name} is unsure of its answers far more often than yesterday",
        description=f"{{{{ $value | humanizePercentage }}}} of the answers over {window} have a confidence below {q.number(scope.model.tracing.low_confidence)}, more than {_TIMES} times as many as at this time yesterday.",
        runbook=Runbook(
            meaning="The share of answers with a confidence below tracing.low_confidence has doubled since yesterday.",
            impact="Answers are likely to be wrong more often; labels will tell when they come.",
            look=(("Share of unsure answers now", of_all()), ("The same a day ago", before)),
            act=(
                "Look at the drift board: which input changed at the same time?",
                "Open traces of unsure answers: they are always kept.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when the share of unsure answers has doubled",
                answers(usual, 3 * usual),
                late,
                ({},),
                every=_EVERY,
            ),
            Scenario("stays quiet while it is as every day", answers(usual, usual), late, every=_EVERY),
            Scenario("stays quiet while few are unsure", answers(0.01, _LEAST_SHARE / 2), late, every=_EVERY),
            Scenario("stays quiet without data", {}, "1h", every=_EVERY),
        ),
    )
