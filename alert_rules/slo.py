"""SLOs: multi-window, multi-burn-rate alerts and an error budget weighted by events.

Thresholds are the Google SRE workbook's (chapter 5): a burn-rate factor is budget share x SLO window / long window.
Two groups an SLO: the page group runs at the evaluation interval; the budget group, whose windows are days, runs
every two length, so a 30d sum reads 21,600 samples and not 172,800.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from modelwatch.alert_rules.latency import buckets
from modelwatch.alert_rules.rules import Alert, Condition, Group, Need, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, grow, series, then
from modelwatch.model.types import Slo
from modelwatch.model.units import Duration
from modelwatch.telemetry import labels as L
from modelwatch.telemetry import promql as q
from modelwatch.telemetry import records as r
from modelwatch.telemetry.burn import BUDGET_MINUTES, BURN_ALERTS, BurnAlert
from modelwatch.telemetry.metrics import EXPORTER_ROWS, OUTCOME_ERROR, OUTCOME_SUCCESS, PREDICTION_DURATION, PREDICTIONS

BUDGET_INTERVAL = Duration.parse(f"{BUDGET_MINUTES}m")
# Fewer bad events in the long window are no incident: one failure in a quiet night pages nobody.
MIN_BAD_EVENTS = 5


PAGE_PAIRS = tuple(pair for pair in BURN_ALERTS if pair.severity == L.PAGE)
TICKET_PAIRS = tuple(pair for pair in BURN_ALERTS if pair.severity == L.TICKET)
_SLO = Condition(
    (Need("an SLO in slos (online models that say nothing have two)", lambda model: bool(model.slos)),),
    "slos: [{name: valid-rows, objective: 99, sli: valid_rows}]",
)
CONDITIONS = {"ErrorBudgetBurnFast": _SLO, "ErrorBudgetBurnSlow": _SLO}


def threshold(pair: BurnAlert, slo: Slo) -> Decimal:
    """Error ratio above which this pair burns too fast, exact to 12 digits."""
    return round(pair.factor(Decimal(slo.window.milliseconds) / 3_600_000) * slo.error_budget, 12)


@dataclass(frozen=True, slots=True)
class Events:
    """Expressions for bad and all events per second over a window, and how a test makes such events."""

    slo: Slo
    model: str

    def total(self, window: str) -> str:
        match self.slo.sli.kind:
            case "errors":
                return q.total(q.rate(q.selector(PREDICTIONS, model=self.model), window))
            case "latency":
                return q.total(q.rate(q.selector(PREDICTION_DURATION, series="count", model=self.model), window))
            case "valid_rows":
                return q.total(q.rate(q.selector(EXPORTER_ROWS, model=self.model), window))

    def bad(self, window: str) -> str:
        match self.slo.sli.kind:
            case "errors":
                failed = q.total(q.rate(q.selector(PREDICTIONS, model=self.model, outcome=OUTCOME_ERROR), window))
                return f"({failed} or 0 * {self.total(window)})"
            case "latency":
                edge = q.le(self.latency)
                quick = q.selector(PREDICTION_DURATION, edge, series="bucket", model=self.model)
                return f"clamp_min({self.total(window)} - {q.total(q.rate(quick, window))}, 0)"
            case "valid_rows":
                rejected = q.total(q.rate(q.selector(EXPORTER_ROWS, model=self.model, outcome="rejected"), window))
                return f"({rejected} or 0 * {self.total(window)})"

    @property
    def latency(self) -> float:
        threshold = self.slo.sli.threshold
        if threshold is None:
            raise ValueError(f"SLO {self.slo.name} of {self.model} has a latency SLI without a threshold")
        return threshold.seconds

    def made(self, good: str, bad: str) -> dict[str, str]:
        """Input series with the given counts of good and bad events."""
        match self.slo.sli.kind:
            case "errors":
                return {
                    series(PREDICTIONS, model=self.model, version="1", outcome=OUTCOME_SUCCESS): good,
                    series(PREDICTIONS, model=self.model, version="1", outcome=OUTCOME_ERROR): bad,
                }
            case "valid_rows":
                return {
                    series(EXPORTER_ROWS, model=self.model, outcome="accepted"): good,
                    series(EXPORTER_ROWS, model=self.model, outcome="rejected"): bad,
                }
            case "latency":
                # The instance label tells quick from slow requests, each a histogram of its own.
                return {
                    _instance(name, kind): values if _counts(name, seconds) else flat(0, 1)
                    for kind, seconds, values in (
                        ("quick", self.latency * 0.99, good),
                        ("slow", self.latency * 1.01, bad),
                    )
                    for name in buckets(self.model, seconds, 0, 0)
                }


def _instance(name: str, value: str) -> str:
    return name.replace("{", f'{{instance="{value}",', 1)


def _counts(name: str, seconds: float) -> bool:
    """Whether a request of this length is in the series: the count, or a bucket with an edge at or above it."""
    if "_count{" in name:
        return True
    if "_bucket{" not in name:
        return False
    edge = name.split('le="', 1)[1].split('"', 1)[0]
    return edge == "+Inf" or float(edge) >= seconds


def _slo_labels(slo: Slo) -> dict[str, str]:
    return {"slo": slo.name}


def page_group(scope: Scope, slo: Slo) -> Group:
    """Windows up to 6h, at the evaluation interval: what may page."""
    model, stack = scope.model.name, scope.stack
    events = Events(slo, model)
    bad, every = r.SLO_ERRORS.select(model=model, slo=slo.name), r.SLO_TOTAL.select(model=model, slo=slo.name)
    labels = _slo_labels(slo)
    recordings = [
        scope.recording(r.SLO_ERRORS.name, events.bad("5m"), **labels),
        scope.recording(r.SLO_TOTAL.name, events.total("5m"), **labels),
        scope.recording(r.SLO_ERROR_RATIO["5m"].name, f"{bad} / ({every} > 0)", **labels),
    ]
    for window in ("30m", "1h"):
        recordings.append(
            scope.recording(
                r.SLO_ERROR_RATIO[window].name, f"{events.bad(window)} / ({events.total(window)} > 0)", **labels
            )
        )
    recordings.append(scope.recording(r.SLO_ERROR_RATIO["6h"].name, _from_sums(bad, every, "6h"), **labels))
    recordings.append(
        scope.recording(
            r.SLO_BURN_RATE.name,
            f"{r.SLO_ERROR_RATIO['1h'].select(model=model, slo=slo.name)} / {q.number(slo.error_budget)}",
            **labels,
        )
    )
    interval = stack.evaluation_interval
    pairs = " or ".join(
        _pair(
            f"{r.SLO_ERROR_RATIO[pair.short].select(model=model, slo=slo.name)}",
            f"{r.SLO_ERROR_RATIO[pair.long].select(model=model, slo=slo.name)}",
            threshold(pair, slo),
            _coverage(every, pair.long, interval),
            _enough(bad, pair.long, interval),
        )
        for pair in PAGE_PAIRS
    )
    return Group(f"{model}/slo/{slo.name}/page", interval.text, (*recordings, _fast(scope, slo, pairs)))


def budget_group(scope: Scope, slo: Slo) -> Group:
    """Windows of days, every two minutes: tickets and the budget. Reads only its own recordings."""
    model = scope.model.name
    events = Events(slo, model)
    labels = _slo_labels(slo)
    bad, every = (
        r.SLO_PERIOD_ERRORS.select(model=model, slo=slo.name),
        r.SLO_PERIOD_TOTAL.select(model=model, slo=slo.name),
    )
    ratio = r.SLO_PERIOD_ERROR_RATIO.select(model=model, slo=slo.name)
    recordings = (
        scope.recording(r.SLO_OBJECTIVE.name, f"vector({q.number(slo.objective / 100)})", **labels),
        scope.recording(
            r.SLO_PERIOD.name, f"vector({q.number(Decimal(slo.window.milliseconds) / 86_400_000)})", **labels
        ),
        scope.recording(r.SLO_PERIOD_ERRORS.name, events.bad("5m"), **labels),
        scope.recording(r.SLO_PERIOD_TOTAL.name, events.total("5m"), **labels),
        *(
            scope.recording(r.SLO_ERROR_RATIO[window].name, _from_sums(bad, every, window), **labels)
            for window in ("2h", "1d", "3d")
        ),
        scope.recording(r.SLO_PERIOD_ERROR_RATIO.name, _from_sums(bad, every, slo.window.text), **labels),
        scope.recording(
            r.SLO_BUDGET_REMAINING.name,
            f"1 - {ratio} * {_coverage(every, slo.window.text, BUDGET_INTERVAL)} / {q.number(slo.error_budget)}",
            **labels,
        ),
    )
    shorts = {
        "2h": r.SLO_ERROR_RATIO["2h"].select(model=model, slo=slo.name),
        "6h": f"({_from_sums(bad, every, '6h')})",
    }
    pairs = " or ".join(
        _pair(
            shorts[pair.short],
            r.SLO_ERROR_RATIO[pair.long].select(model=model, slo=slo.name),
            threshold(pair, slo),
            _coverage(every, pair.long, BUDGET_INTERVAL),
            _enough(bad, pair.long, BUDGET_INTERVAL),
        )
        for pair in TICKET_PAIRS
    )
    return Group(f"{model}/slo/{slo.name}/budget", BUDGET_INTERVAL.text, (*recordings, _slow(scope, slo, pairs)))


def _from_sums(bad: str, every: str, window: str) -> str:
    return f"sum_over_time({bad}[{window}]) / (sum_over_time({every}[{window}]) > 0)"


def _coverage(every: str, window: str, interval: Duration) -> str:
    """Share of the window that has been seen. Before a service is as old as the window, the time before it counts as
    good: a short fault in a young service would else look like one that lasted the whole window. Alerts and the budget
    are weighed alike: when the ticket for a tenth of the budget fires, nine tenths are left, however young the service.
    """
    seconds = Duration.parse(window).seconds
    return f"clamp_max(count_over_time({every}[{window}]) * {q.number(interval.seconds)} / {q.number(seconds)}, 1)"


def _enough(bad: str, window: str, interval: Duration) -> str:
    """Rates summed over a window, times the time between them, are events."""
    return f"sum_over_time({bad}[{window}]) * {q.number(interval.seconds)} >= {MIN_BAD_EVENTS}"


def _pair(short: str, long: str, limit: Decimal, coverage: str, enough: str) -> str:
    number = q.number(limit)
    # First the short window: its ratio is the value that the alert shows.
    return f"({short} > {number} and {long} * {coverage} > {number} and {enough})"


def _runbook(scope: Scope, slo: Slo, urgent: bool) -> Runbook:
    model = scope.model.name
    what = {
        "errors": "predictions that fail",
        "latency": f"answers slower than {slo.sli.threshold}",
        "valid_rows": "rows that the sidecar rejects",
    }[slo.sli.kind]
    return Runbook(
        meaning=f"SLO {slo.name} allows {q.number(slo.error_budget * 100)}% of bad events ({what}) in {slo.window}. They now come so fast that the budget will be gone long before.",
        impact="Users notice now."
        if urgent
        else "Nobody needs to get up, but the budget for this period is being spent.",
        look=(
            ("How fast the budget burns (1 = exactly used up)", r.SLO_BURN_RATE.select(model=model, slo=slo.name)),
            ("How much is left", r.SLO_BUDGET_REMAINING.select(model=model, slo=slo.name)),
            ("Bad events per second now", r.SLO_ERRORS.select(model=model, slo=slo.name)),
        ),
        act=(
            "Find when it began on the SLO board and compare with deploys and with upstream changes.",
            "If it began with a deploy: roll back first, ask later.",
            "Follow ModelErrorRatioHigh (errors), ModelLatencyHigh (latency) or ModelRowsRejected (rows) for where to look.",
        ),
    )


def _fast(scope: Scope, slo: Slo, expr: str) -> Alert:
    events = Events(slo, scope.model.name)
    interval = scope.stack.evaluation_interval
    step = interval.text
    per = interval.seconds * 10  # ten events a second
    hour = int(3600 // interval.seconds)
    rate = float(min(Decimal(1), threshold(PAGE_PAIRS[0], slo) * 2))
    under = float(threshold(PAGE_PAIRS[1], slo) / 2)
    length = "70m"
    reachable = threshold(PAGE_PAIRS[1], slo) < 1
    # A strict factor over a loose objective takes most of its long window to prove, even when all events are bad.
    proof = (
        min(pair.hours * float(threshold(pair, slo)) / rate for pair in PAGE_PAIRS if threshold(pair, slo) < 1)
        if reachable
        else 0
    )
    fires_at = max(70, ceil(72 * proof) + 10)
    steps = hour * 2
    return Alert(
        name="ErrorBudgetBurnFast",
        expr=expr,
        labels=scope.labels("page", "slo", slo=slo.name),
        threshold=" and ".join(q.number(threshold(pair, slo)) for pair in PAGE_PAIRS),
        spec_field=f"slos.{slo.name}.objective",
        summary=f"{scope.model.name} burns the error budget of {slo.name} fast",
        description=f"{{{{ $value | humanizePercentage }}}} of the events are bad now; the objective is {q.number(slo.objective)}% over {slo.window}.",
        runbook=_runbook(scope, slo, urgent=True),
        scenarios=(
            *(
                (
                    Scenario(
                        "fires when the budget burns at twice the fast factor",
                        events.made(
                            grow(per * (1 - rate), fires_at * hour // 60), grow(per * rate, fires_at * hour // 60)
                        ),
                        f"{fires_at}m",
                        ({},),
                        step,
                        step,
                    ),
                )
                if reachable
                else ()
            ),
            Scenario(
                "stays quiet at half the slow factor",
                events.made(grow(per * (1 - under), steps), grow(per * under, steps)),
                length,
                step=step,
                every=step,
            ),
            Scenario(
                "stays quiet on one bad event in a quiet hour",
                events.made(flat(9, steps), then(flat(0, hour // 12), flat(1, hour))),
                "8m",
                step=step,
                every=step,
            ),
            Scenario(
                "stays quiet when counters start again",
                events.made(then(grow(per, hour // 6), grow(per, hour)), flat(0, steps)),
                "20m",
                step=step,
                every=step,
            ),
            Scenario(
                "stays quiet when idle",
                events.made(flat(1000, steps), flat(500, steps)),
                "15m",
                step=step,
                every=step,
            ),
            Scenario("stays quiet without data", {}, "15m", step=step, every=step),
        ),
    )


def _slow(scope: Scope, slo: Slo, expr: str) -> Alert:
    events = Events(slo, scope.model.name)
    step = BUDGET_INTERVAL.text
    per = BUDGET_INTERVAL.seconds * 10
    rate = float(min(Decimal(1), threshold(TICKET_PAIRS[0], slo) * 10))
    # The long windows are full of such events only after hours: until then the time before counts as good.
    hours = max(4, 1 + ceil(1.2 * min(pair.hours * float(threshold(pair, slo)) / rate for pair in TICKET_PAIRS)))
    steps, length = 30 * (hours + 1), f"{hours}h"
    under = float(threshold(TICKET_PAIRS[1], slo) / 2)
    return Alert(
        name="ErrorBudgetBurnSlow",
        expr=expr,
        labels=scope.labels("ticket", "slo", slo=slo.name),
        threshold=" and ".join(q.number(threshold(pair, slo)) for pair in TICKET_PAIRS),
        spec_field=f"slos.{slo.name}.objective",
        summary=f"{scope.model.name} will use up the error budget of {slo.name}",
        description=f"{{{{ $value | humanizePercentage }}}} of the events are bad now; the objective is {q.number(slo.objective)}% over {slo.window}.",
        runbook=_runbook(scope, slo, urgent=False),
        scenarios=(
            Scenario(
                "fires when the budget burns at ten times the slow factor for hours",
                events.made(grow(per * (1 - rate), steps), grow(per * rate, steps)),
                length,
                ({},),
                step,
                step,
            ),
            Scenario(
                "stays quiet at half the slowest factor",
                events.made(grow(per * (1 - under), steps), grow(per * under, steps)),
                length,
                step=step,
                every=step,
            ),
            Scenario(
                "stays quiet when idle", events.made(flat(1000, steps), flat(500, steps)), "1h", step=step, every=step
            ),
            Scenario("stays quiet without data", {}, "1h", step=step, every=step),
        ),
    )


def groups(scope: Scope) -> tuple[Group, ...]:
    return tuple(group for slo in scope.model.slos for group in (page_group(scope, slo), budget_group(scope, slo)))
