"""Lines that the helpers write in a service: rows for the sidecar, and one line for each inference."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Runbook, Scenario, stack_labels
from modelwatch.alert_rules.series import flat, grow, series, then
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import LINE_OUTCOMES, LOG_LINES

# Below a hundred lines in a quarter of an hour, a share of them says nothing.
_FEW = 100
_DROPPED_RATIO = 0.01
_BY = ("job", "instance", "kind")


def rules() -> tuple[Alert, ...]:
    return (_dropped(),)


def _dropped() -> Alert:
    written, dropped = LINE_OUTCOMES
    at = {"job": "flights", "instance": "a:8000", "kind": "prediction"}

    def lines(*matchers: str) -> str:
        return q.total(q.increase(q.selector(LOG_LINES, *matchers), "15m"), *_BY)

    def told(of_written: str, of_dropped: str) -> dict[str, str]:
        texts = {written: of_written, dropped: of_dropped}
        return {series(LOG_LINES, outcome=outcome, model="m", **at): text for outcome, text in texts.items()}

    lost = lines(f'outcome="{dropped}"')
    return Alert(
        name="LinesDropped",
        expr=f"{lost} / ({lines()} > {_FEW}) > {q.number(_DROPPED_RATIO)}",
        wait="10m",
        labels=stack_labels("ticket"),
        summary="A service drops lines of its log or rows for the sidecar",
        description="{{ $labels.job }} at {{ $labels.instance }}: {{ $value | humanizePercentage }} of its {{ $labels.kind }} lines of 15 minutes are dropped.",
        runbook=Runbook(
            meaning="The service makes more lines than its disk takes, or cannot write to the folder at all.",
            impact="Of rows (kind prediction), drift is judged on fewer than there were; of the log (kind inference), requests are missing. Predictions go on.",
            look=(
                ("Lines by outcome", q.total(q.rate(q.selector(LOG_LINES), "5m"), *_BY, "outcome")),
                ("For which model", q.total(q.increase(q.selector(LOG_LINES, f'outcome="{dropped}"'), "1h"), "model")),
            ),
            act=(
                "A full disk, a folder that is not there or may not be written to: `logging.predictions.folder` and `logging.files.folder` of the spec, or MODELWATCH_PREDICTIONS and MODELWATCH_LOG_FILES in the service's environment.",
                "A disk that is too slow: write fewer lines (`logging.sample`, `logging.predictions.sample`), or send rows over HTTP instead.",
            ),
        ),
        scenarios=(
            Scenario("fires when the disk takes none", told(flat(900, 60), grow(30, 60)), "50m", (at,)),
            Scenario("stays quiet when one of a thousand is dropped", told(grow(999, 60), grow(1, 60)), "50m"),
            Scenario("stays quiet on a handful of lines", told(flat(5, 60), grow(1, 60)), "50m"),
            Scenario(
                "stays quiet over a restart of the service",
                told(then(grow(100, 30), grow(100, 30)), then(flat(400, 30), flat(0, 30))),
                "50m",
            ),
            Scenario("stays quiet on an idle service", told(flat(900, 60), flat(400, 60)), "50m"),
            Scenario("stays quiet without data", {}, "50m"),
        ),
    )
