"""Config of Jaeger 2 as the stack's own trace backend: the newest traces in memory, OTLP in, the query API out."""

from __future__ import annotations

from typing import Any

from modelwatch.model.types import Fleet

Json = dict[str, Any]

# About 1 GB with four spans a trace; older ones are dropped.
MAX_TRACES = 50_000
_STORE = "memory"


def ours(fleet: Fleet) -> bool:
    """Whether a destination of type jaeger is the stack's own part and not someone else's server."""
    own = fleet.addresses.internal["jaeger_otlp"]
    return any(d.type == "jaeger" and fleet.addresses.translate(d.endpoint) == own for d in fleet.stack.traces)


def config(fleet: Fleet) -> Json:
    listen = fleet.addresses.internal
    host = listen["jaeger"].rpartition(":")[0]
    return {
        "extensions": {
            "jaeger_storage": {"backends": {_STORE: {"memory": {"max_traces": MAX_TRACES}}}},
            "jaeger_query": {
                "storage": {"traces": _STORE},
                # Its own requests would be sent to the Collector.
                "enable_tracing": False,
                "http": {"endpoint": listen["jaeger"]},
                # Nobody asks over gRPC, but it cannot be left out: any free port.
                "grpc": {"endpoint": f"{host}:0"},
            },
        },
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": listen["jaeger_otlp"]}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": _STORE}},
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "pipelines": {
                "traces": {"receivers": ["otlp"], "processors": [], "exporters": ["jaeger_storage_exporter"]}
            },
            # Its metrics would take the Collector's port.
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
        },
    }
