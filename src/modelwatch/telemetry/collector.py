"""What the Collector tells of itself, by the names of 0.158.

Its config says that they get no suffix of type or unit: by default some releases add one and others do not.
"""

from __future__ import annotations

from modelwatch.telemetry.metric import Emitter, Metric, MetricType

QUEUE_SIZE = Metric(
    "otelcol_exporter_queue_size",
    MetricType.GAUGE,
    "requests",
    "Requests that wait in an exporter's queue on disk.",
    ("data_type", "exporter"),
    "1 per exporter",
    Emitter.COLLECTOR,
)
QUEUE_CAPACITY = Metric(
    "otelcol_exporter_queue_capacity",
    MetricType.GAUGE,
    "requests",
    "Requests that an exporter's queue holds.",
    ("data_type", "exporter"),
    "1 per exporter",
    Emitter.COLLECTOR,
)


def _own(name: str, unit: str, help_: str, *labels: str, cardinality: str = "1 per exporter") -> Metric:
    return Metric(f"otelcol_{name}", MetricType.COUNTER, unit, help_, labels, cardinality, Emitter.COLLECTOR)


_SENT = "handed to a destination"
_UNSENT = "given up for good, since the destination refused them or the Collector stopped"
_UNQUEUED = "lost because the queue was full"
_PEER = ("exporter", "server_address", "server_port", "url_path")
_TAKEN = ("receiver", "transport")
_PER_RECEIVER = "1 per receiver and transport"
SENT_SPANS = _own("exporter_sent_spans", "spans", f"Spans {_SENT}.", *_PEER)
UNSENT_SPANS = _own("exporter_send_failed_spans", "spans", f"Spans {_UNSENT}.", *_PEER)
UNSENT_LOGS = _own("exporter_send_failed_log_records", "records", f"Log records {_UNSENT}.", *_PEER)
UNSENT_POINTS = _own("exporter_send_failed_metric_points", "points", f"Metric points {_UNSENT}.", *_PEER)
UNQUEUED_SPANS = _own("exporter_enqueue_failed_spans", "spans", f"Spans {_UNQUEUED}.", "exporter")
UNQUEUED_LOGS = _own("exporter_enqueue_failed_log_records", "records", f"Records {_UNQUEUED}.", "exporter")
UNQUEUED_POINTS = _own("exporter_enqueue_failed_metric_points", "points", f"Points {_UNQUEUED}.", "exporter")
REFUSED_SPANS = _own(
    "receiver_refused_spans", "spans", "Spans not taken in: no memory.", *_TAKEN, cardinality=_PER_RECEIVER
)
REFUSED_LOGS = _own(
    "receiver_refused_log_records",
    "records",
    "Log records not taken in: no memory.",
    *_TAKEN,
    cardinality=_PER_RECEIVER,
)
UNDECIDED_TRACES = _own(
    "processor_tail_sampling_sampling_trace_dropped_too_early",
    "traces",
    "Traces dropped before it was decided whether to keep them: too many at once.",
    cardinality="1",
)
DECIDED_TRACES = _own(
    "processor_tail_sampling_count_traces_sampled",
    "traces",
    "Traces that a policy has decided, and whether it keeps them.",
    "policy",
    "sampled",
    cardinality="2 per policy",
)
# What no destination will ever see.
LOST = (
    UNSENT_SPANS,
    UNSENT_LOGS,
    UNSENT_POINTS,
    UNQUEUED_SPANS,
    UNQUEUED_LOGS,
    UNQUEUED_POINTS,
)
COLLECTOR_METRICS = (
    QUEUE_SIZE,
    QUEUE_CAPACITY,
    SENT_SPANS,
    REFUSED_SPANS,
    REFUSED_LOGS,
    UNDECIDED_TRACES,
    DECIDED_TRACES,
    *LOST,
)
