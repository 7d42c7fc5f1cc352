"""The way that spans and logs take, from the services through the Collector to where they are kept: what is lost on it.

A stack without a Collector has none of these series, and none of these alerts fires.
"""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Runbook, Scenario, stack_labels
from modelwatch.alert_rules.series import flat, grow, series, then
from modelwatch.telemetry import collector as c
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.jobs import COLLECTOR_JOB
from modelwatch.telemetry.metric import Metric
from modelwatch.telemetry.metrics import OVERFLOW, SPAN_CALLS, SPANS, SPANS_LOST, SPANS_WAITING, UP

_HERE = {"job": COLLECTOR_JOB, "instance": "a:8888"}
_JAEGER = "otlp_grpc/traces-jaeger"
# Below a hundred spans in a quarter of an hour, a share of them says nothing.
_FEW = 100
_LOST_RATIO = 0.01
_HALF, _NOTICEABLE = 0.5, 0.05
# A batch: fewer are on their way all the time.
_MANY = 512


def rules() -> tuple[Alert, ...]:
    return (_spans_waiting(), _spans_lost(), _queue_filling(), *_losing(), _refusing(), _undecided(), _overflow())


def lost(metric: Metric, window: str) -> str:
    """What was lost in ``window``, by exporter. The series is born with the first loss, which increase() cannot see."""
    text = q.selector(metric)
    born = f"{text} unless {text} offset {window}"
    return q.total(f"({born}) or {q.increase(text, window)}", "exporter", "instance")


def _spans_waiting() -> Alert:
    waiting = q.selector(SPANS_WAITING)
    # What waits for the next batch is less at some moment of five minutes.
    always = q.total(f"min_over_time({waiting}[5m])", "job", "instance")
    at = {"job": "flights", "instance": "a:8000"}

    def told(values: str) -> dict[str, str]:
        return {series(SPANS_WAITING, **at): values}

    return Alert(
        name="SpansWaiting",
        expr=f"{always} > {_MANY}",
        wait="10m",
        labels=stack_labels("ticket"),
        summary="Spans of a service wait for the Collector",
        description="{{ $labels.job }} at {{ $labels.instance }}: {{ $value | humanize }} spans wait, and their number does not fall.",
        runbook=Runbook(
            meaning="The Collector takes none of the service's spans, or fewer than it makes.",
            impact="Traces come late. Once the service's queue is full (8,192 spans unless OTEL_BSP_MAX_QUEUE_SIZE says otherwise), new ones are dropped. Predictions go on.",
            look=(
                ("How many wait", q.total(waiting, "job", "instance")),
                ("Spans by outcome", q.total(q.rate(q.selector(SPANS), "5m"), "job", "instance", "outcome")),
                ("Is the Collector there", q.selector(UP, job=COLLECTOR_JOB)),
            ),
            act=(
                "The Collector is down or refuses for now: `modelwatch status`, `modelwatch logs collector`. Spans go out by themselves once it is back.",
                "OTEL_EXPORTER_OTLP_ENDPOINT of the service names a place where no Collector is: mend it and restart the service.",
                "It is there and too slow: see CollectorRefusesData and CollectorQueueFilling, or record fewer traces (`tracing.record`).",
            ),
        ),
        scenarios=(
            Scenario("fires while the Collector is away", told(grow(100, 60)), "50m", (at,)),
            Scenario("fires when the queue stays full", told(flat(8192, 60)), "50m", (at,)),
            Scenario("stays quiet on what waits for the next batch", told("900 0 " * 30), "50m"),
            Scenario(
                "stays quiet over a restart of the Collector", told(then(flat(0, 30), grow(200, 5), flat(0, 30))), "55m"
            ),
            Scenario("stays quiet over a restart of the service", told(then(flat(4000, 8), flat(0, 50))), "50m"),
            Scenario("stays quiet on an idle service", told(flat(0, 60)), "50m"),
            Scenario("stays quiet without data", {}, "50m"),
        ),
    )


def _spans_lost() -> Alert:
    def spans(outcomes: tuple[str, ...]) -> str:
        chosen = q.selector(SPANS, f'outcome=~"{"|".join(outcomes)}"')
        return q.total(q.increase(chosen, "15m"), "job", "instance")

    at = {"job": "flights", "instance": "a:8000"}

    def told(sent: str, failed: str, dropped: str) -> dict[str, str]:
        values = {"sent": sent, "failed": failed, "dropped": dropped}
        return {series(SPANS, outcome=outcome, **at): text for outcome, text in values.items()}

    return Alert(
        name="SpansLost",
        expr=f"{spans(SPANS_LOST)} / ({spans(('sent', *SPANS_LOST))} > {_FEW}) > {q.number(_LOST_RATIO)}",
        wait="10m",
        labels=stack_labels("ticket"),
        summary="A service loses spans",
        description="{{ $labels.job }} at {{ $labels.instance }}: {{ $value | humanizePercentage }} of its spans of 15 minutes are lost.",
        runbook=Runbook(
            meaning="The service cannot hand its spans to the Collector, or makes more than its queue holds.",
            impact="Traces are missing or have holes, and span metrics count too little. Predictions and the service's own metrics go on.",
            look=(
                ("Spans by outcome", q.total(q.rate(q.selector(SPANS), "5m"), "job", "instance", "outcome")),
                ("Is the Collector there", q.selector(UP, job=COLLECTOR_JOB)),
                (
                    "Does the Collector refuse spans",
                    q.total(q.rate(q.selector(c.REFUSED_SPANS), "5m"), "instance", "receiver"),
                ),
            ),
            act=(
                "failed: the Collector refuses them for good (a wrong token, a format that it does not take), or OTEL_EXPORTER_OTLP_ENDPOINT of the service names another program. `modelwatch logs collector`, and the service's log.",
                "dropped: the queue was full, since the Collector was away for long or takes too little (see SpansWaiting). Raise OTEL_BSP_MAX_QUEUE_SIZE, or trace fewer requests with OTEL_TRACES_SAMPLER.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when the Collector refuses all", told(flat(900, 60), grow(30, 60), flat(0, 60)), "50m", (at,)
            ),
            Scenario("fires when one of fifty is dropped", told(grow(98, 60), flat(0, 60), grow(2, 60)), "50m", (at,)),
            Scenario("stays quiet when one of a thousand is", told(grow(999, 60), grow(1, 60), flat(0, 60)), "50m"),
            Scenario("stays quiet on a handful of spans", told(flat(5, 60), grow(1, 60), flat(0, 60)), "50m"),
            Scenario(
                "stays quiet over a restart of the service",
                told(then(grow(100, 30), grow(100, 30)), then(flat(400, 30), flat(0, 30)), flat(0, 60)),
                "50m",
            ),
            Scenario("stays quiet on an idle service", told(flat(900, 60), flat(400, 60), flat(3, 60)), "50m"),
            Scenario("stays quiet without data", {}, "50m"),
        ),
    )


def _queue_filling() -> Alert:
    size, capacity = q.selector(c.QUEUE_SIZE), q.selector(c.QUEUE_CAPACITY)
    share = f"{size} / {capacity}"
    soon = f"predict_linear({size}[30m], 4 * 3600) > {capacity}"
    at = {"data_type": "traces", "exporter": _JAEGER, **_HERE}

    def told(waiting: str) -> dict[str, str]:
        return {series(c.QUEUE_SIZE, **at): waiting, series(c.QUEUE_CAPACITY, **at): flat(20000, 90)}

    return Alert(
        name="CollectorQueueFilling",
        expr=f"{share} > {q.number(_HALF)} or ({share} > {q.number(_NOTICEABLE)} and {soon})",
        wait="10m",
        labels=stack_labels("ticket"),
        summary="A queue of the Collector fills up",
        description="{{ $labels.exporter }} of {{ $labels.instance }}: {{ $value | humanizePercentage }} of its queue is taken; it is half full, or will be full within four hours.",
        runbook=Runbook(
            meaning="The Collector takes in more than this destination takes from it: it is down, slow or refuses for now.",
            impact="Traces or logs come late. Nothing is lost until the queue, or the disk that it is on, is full.",
            look=(
                ("How full, by exporter", share),
                ("Spans sent per second", q.total(q.rate(q.selector(c.SENT_SPANS), "5m"), "exporter")),
            ),
            act=(
                "`modelwatch logs collector` says what the destination answers; look at it next. The queue drains by itself once it is back.",
                "Too slow for good: give it more room, or keep fewer traces (`tracing.sample` and `tracing.keep` of the specs).",
            ),
        ),
        scenarios=(
            Scenario("fires when it is more than half full", told(flat(12000, 90)), "60m", (at,)),
            Scenario("fires when it will be full within four hours", told(grow(70, 90)), "60m", (at,)),
            Scenario("stays quiet while it drains", told(grow(-60, 90, 9000)), "60m"),
            Scenario("stays quiet on what always waits for a moment", told(flat(40, 90)), "60m"),
            Scenario("stays quiet at the start of a slow growth", told(grow(2, 90)), "60m"),
            Scenario("stays quiet over a restart with an empty queue", told(then(flat(9000, 40), flat(0, 50))), "70m"),
            Scenario("stays quiet on an idle Collector", told(flat(0, 90)), "60m"),
            Scenario("stays quiet without data", {}, "60m"),
        ),
    )


def _losing() -> tuple[Alert, Alert]:
    """At once a ticket; what goes on for hours is worth waking somebody, since nothing of it comes back."""
    terms = [f"{lost(metric, '15m')} > 0" for metric in c.LOST]
    expr = " or ".join(terms)
    unsent = series(c.UNSENT_SPANS, exporter=_JAEGER, **_HERE)
    full = series(c.UNQUEUED_LOGS, exporter="otlp_http/logs-loki", **_HERE)
    at = {"exporter": _JAEGER, "instance": _HERE["instance"]}
    runbook = Runbook(
        meaning="A destination refuses data for good (a wrong key, a wrong address, a format that it does not take), or a queue is full.",
        impact="What is lost stays lost: traces, logs or metrics of spans will be missing where people look for them.",
        look=(
            *((f"Given up: {metric.unit}", lost(metric, "15m")) for metric in c.LOST[:3]),
            *((f"Queue full: {metric.unit}", lost(metric, "15m")) for metric in c.LOST[3:]),
            ("How full the queues are", f"{q.selector(c.QUEUE_SIZE)} / {q.selector(c.QUEUE_CAPACITY)}"),
        ),
        act=(
            "`modelwatch logs collector` has the destination's answer: 401 or 403 is a key (`secrets/`), 400 a format or a limit, 404 an address.",
            "A full queue: the destination has been away for long. See CollectorQueueFilling, and make room on the disk.",
        ),
    )
    told = "{{ $labels.exporter }} of {{ $labels.instance }} lost {{ $value | humanize }} spans, log records or metric points in 15 minutes"
    ticket = Alert(
        name="CollectorLosesData",
        expr=expr,
        wait="5m",
        labels=stack_labels("ticket"),
        summary="The Collector loses data",
        description=f"{told}.",
        runbook=runbook,
        scenarios=(
            Scenario("fires while a destination refuses", {unsent: grow(3, 60)}, "40m", (at,)),
            Scenario(
                "fires on one first loss, of which the series is born", {unsent: f"_x20 {flat(25, 40)}"}, "30m", (at,)
            ),
            Scenario(
                "fires when a queue of logs is full",
                {full: grow(3, 60)},
                "40m",
                ({"exporter": "otlp_http/logs-loki", "instance": "a:8888"},),
            ),
            Scenario("stays quiet on losses of long ago", {unsent: flat(25, 60)}, "40m"),
            Scenario(
                "stays quiet over a restart that loses nothing",
                {unsent: then(flat(25, 30), f"_x10 {flat(0, 20)}")},
                "50m",
            ),
            Scenario("stays quiet without data", {}, "40m"),
        ),
    )
    page = Alert(
        name="CollectorLosesDataForLong",
        expr=expr,
        wait="2h",
        labels=stack_labels("page"),
        summary="The Collector has been losing data for two hours",
        description=f"{told}, and has for two hours.",
        runbook=runbook,
        scenarios=(
            Scenario("fires after two hours of losses", {unsent: grow(3, 200)}, "150m", (at,)),
            Scenario("stays quiet after one hour", {unsent: grow(3, 200)}, "70m"),
            Scenario("stays quiet when losses have ended", {unsent: then(grow(3, 100), flat(300, 100))}, "190m"),
            Scenario("stays quiet without data", {}, "150m"),
        ),
    )
    return ticket, page


def _refusing() -> Alert:
    def refused(metric: Metric) -> str:
        return q.total(q.increase(q.selector(metric), "10m"), "instance", "receiver")

    at = {"receiver": "otlp", **_HERE}
    spans = series(c.REFUSED_SPANS, transport="grpc", **at)
    fires = {"receiver": "otlp", "instance": _HERE["instance"]}
    return Alert(
        name="CollectorRefusesData",
        expr=f"{refused(c.REFUSED_SPANS)} > 0 or {refused(c.REFUSED_LOGS)} > 0",
        wait="10m",
        labels=stack_labels("ticket"),
        summary="The Collector takes nothing in for want of memory",
        description="{{ $labels.instance }} refused {{ $value | humanize }} spans or log records in 10 minutes.",
        runbook=Runbook(
            meaning="The Collector is at its memory limit and turns senders away until it has room.",
            impact="Services try again and then drop; see SpansLost. Predictions go on.",
            look=(
                ("Refused spans", refused(c.REFUSED_SPANS)),
                ("Refused log records", refused(c.REFUSED_LOGS)),
                ("Traces dropped undecided", q.increase(q.selector(c.UNDECIDED_TRACES), "15m")),
            ),
            act=(
                "A flood from one service: `traces_span_metrics_calls_total` by service_name tells which.",
                "More traffic for good: run replicas of the gateway, or raise MEMORY_LIMIT in otel/collector/gateway.py together with GOMEMLIMIT.",
            ),
        ),
        scenarios=(
            Scenario("fires while spans are refused", {spans: grow(4, 60)}, "40m", (fires,)),
            Scenario("stays quiet on one short burst", {spans: then(flat(0, 20), flat(90, 40))}, "28m"),
            Scenario("stays quiet on refusals of long ago", {spans: flat(90, 60)}, "40m"),
            Scenario("stays quiet over a restart", {spans: then(flat(90, 30), flat(0, 30))}, "45m"),
            Scenario("stays quiet without data", {}, "40m"),
        ),
    )


def _undecided() -> Alert:
    dropped = q.total(q.increase(q.selector(c.UNDECIDED_TRACES), "15m"), "instance")
    name = series(c.UNDECIDED_TRACES, **_HERE)
    return Alert(
        name="CollectorDropsTracesEarly",
        expr=f"{dropped} > 0",
        wait="5m",
        labels=stack_labels("ticket"),
        summary="The Collector drops traces before it has decided on them",
        description="{{ $labels.instance }} dropped {{ $value | humanize }} traces undecided in 15 minutes.",
        runbook=Runbook(
            meaning="More traces are under way at once than tail sampling holds (num_traces), so the oldest go before their time.",
            impact="Errors and slow requests may be among them: they are missing in lists of traces, though metrics count them.",
            look=(("Traces dropped undecided", dropped),),
            act=(
                "Run replicas of the gateway behind `load_balancing` (otel/collector/README.md).",
                "Or sample in the services already: OTEL_TRACES_SAMPLER=parentbased_traceidratio.",
            ),
        ),
        scenarios=(
            Scenario("fires while traces are dropped", {name: grow(2, 60)}, "40m", ({"instance": "a:8888"},)),
            Scenario("stays quiet while none is", {name: flat(0, 60)}, "40m"),
            Scenario("stays quiet over a restart", {name: then(flat(9, 30), flat(0, 30))}, "40m"),
            Scenario("stays quiet without data", {}, "40m"),
        ),
    )


def overflowing() -> str:
    """Spans that are counted in one lump."""
    return q.selector(SPAN_CALLS, f'{OVERFLOW}="true"')


def _overflow() -> Alert:
    counted = overflowing()
    at = {"job": "flights", "instance": "6b1f"}
    rest = series(SPAN_CALLS, otel_metric_overflow="true", **at)
    known = series(SPAN_CALLS, span_name="predict", **at)
    return Alert(
        name="SpanMetricsOverflow",
        expr=f"{q.total(q.rate(counted, '15m'), 'job')} > 0",
        wait="15m",
        labels=stack_labels("ticket"),
        summary="A service has more kinds of spans than are counted apart",
        description="{{ $value | humanize }} spans per second of {{ $labels.job }} are counted in one lump.",
        runbook=Runbook(
            meaning="Names, stages and statuses of its spans make more combinations than aggregation_cardinality_limit.",
            impact="The stage board misses what came last. Traces, the service's own metrics and alerts on them are whole.",
            look=(
                ("Spans in the lump", q.total(q.rate(counted, "15m"), "job")),
                (
                    "Names with the most series",
                    f"topk(10, count by (span_name) ({q.rate(q.selector(SPAN_CALLS), '5m')}))",
                ),
            ),
            act=(
                "A name that holds an id (`GET /users/7`) makes a series for each: give such spans names of few kinds.",
                "Series that nobody feeds are forgotten within an hour.",
            ),
        ),
        scenarios=(
            Scenario("fires while spans are lumped together", {rest: grow(5, 60)}, "50m", ({"job": "flights"},)),
            Scenario("stays quiet when that has ended", {rest: flat(500, 60)}, "50m"),
            Scenario("stays quiet while all are counted apart", {known: grow(5, 60)}, "50m"),
            Scenario("stays quiet over a restart", {rest: then(flat(500, 30), flat(0, 30))}, "50m"),
            Scenario("stays quiet without data", {}, "50m"),
        ),
    )
