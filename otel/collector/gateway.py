"""The Collector's config as the gateway: between the services, or their agents, and where traces and logs go.

In order: what ``intake`` does, so that nothing behind it sees what may not leave; span metrics, counted before
sampling; then sampling; then queues on disk.
"""

from __future__ import annotations

from typing import Any

from modelwatch.model.types import Fleet
from modelwatch.otel.collector import intake, sampling
from modelwatch.otel.collector.destinations import exporters
from modelwatch.otel.collector.names import Version, knows, named
from modelwatch.telemetry.metrics import LATENCY_BUCKETS
from modelwatch.telemetry.spans import MODEL_NAME, STAGE

Json = dict[str, Any]

# MiB; whoever starts the Collector sets GOMEMLIMIT to four fifths of it, so that Go frees memory before it is refused.
MEMORY_LIMIT = 512

_DECISION_WAIT = "10s"
_TRACES_WAITING = 50_000
_DECISIONS_REMEMBERED = 200_000

# Combinations of labels a service may make; the rest is counted under otel.metric.overflow.
_CARDINALITY = 2_000
_FORGET_AFTER = "1h"

TAIL, KEPT = "tail_sampling", "forward/kept"


def config(fleet: Fleet) -> Json:
    """The whole config for ``stack.versions.collector``."""
    stack, addresses, version = fleet.stack, fleet.addresses, fleet.stack.versions.collector
    metrics = named("connectors", "spanmetrics", version)
    traces = exporters("traces", stack.traces, addresses, version)
    sent = exporters("metrics", stack.metrics, addresses, version)
    logs = exporters("logs", stack.logs, addresses, version)
    processors = intake.processors(MEMORY_LIMIT, fleet)
    early = list(processors)
    pipelines: Json = {
        "traces/in": intake.pipeline(["otlp"], early, [metrics, *([KEPT] if traces else [])]),
        "metrics/spans": intake.pipeline([metrics], [], ["prometheus", *sent]),
        **intake.metrics(processors, ["prometheus", *sent], version),
    }
    connectors: Json = {metrics: _span_metrics(fleet, version)}
    if traces:
        pipelines["traces/kept"] = intake.pipeline([KEPT], [TAIL], list(traces))
        processors[TAIL] = _tail_sampling(fleet)
        connectors[KEPT] = {}
    if logs:
        pipelines["logs"] = intake.pipeline(["otlp"], early, list(logs))
    listen = addresses.internal
    return {
        "extensions": intake.extensions(addresses),
        "receivers": intake.receivers(addresses),
        "processors": processors,
        "connectors": connectors,
        "exporters": {"prometheus": _prometheus(listen["span_metrics"], version), **traces, **sent, **logs},
        "service": intake.service(addresses, pipelines),
    }


def _span_metrics(fleet: Fleet, version: Version) -> Json:
    body: Json = {
        "namespace": "traces.span.metrics",
        "histogram": {"unit": "s", "explicit": {"buckets": [f"{round(edge * 1000)}ms" for edge in LATENCY_BUCKETS]}},
        "dimensions": [{"name": MODEL_NAME.key}, {"name": STAGE.key}],
        # It changes with every start, and every start would be a new set of series.
        "exclude_dimensions": ["collector.instance.id"],
        "exemplars": {"enabled": True, "max_per_data_point": 5},
        # Each scrape finds new numbers.
        "metrics_flush_interval": f"{fleet.stack.scrape_interval.milliseconds}ms",
        "metrics_expiration": _FORGET_AFTER,
    }
    if knows("aggregation_cardinality_limit", version):
        body["aggregation_cardinality_limit"] = _CARDINALITY
    else:
        body["dimensions_cache_size"] = _CARDINALITY
    if knows("series_expiration", version):
        body["series_expiration"] = _FORGET_AFTER
    return body


def _tail_sampling(fleet: Fleet) -> Json:
    version = fleet.stack.versions.collector
    body: Json = {
        "decision_wait": _DECISION_WAIT,
        "num_traces": _TRACES_WAITING,
        # Spans that come after the decision follow it.
        "decision_cache": {
            "sampled_cache_size": _DECISIONS_REMEMBERED,
            "non_sampled_cache_size": _DECISIONS_REMEMBERED,
        },
        "policies": sampling.policies(fleet.models, version),
    }
    if sampling.limited(fleet.models) and knows("sample_on_first_match", version):
        # Limits come last: they count only what nothing else keeps.
        body["sample_on_first_match"] = True
    return body


def _prometheus(endpoint: str, version: Version) -> Json:
    body: Json = {"endpoint": endpoint, "enable_open_metrics": True}
    if knows("without_scope_info", version):
        body["without_scope_info"] = True
    return body
