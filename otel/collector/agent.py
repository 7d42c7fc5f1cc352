"""The Collector's config as an agent: beside a service, so that what may not leave never leaves its machine.

It hands everything to the gateway, which counts and samples: both need all spans of a trace in one place.
"""

from __future__ import annotations

from typing import Any

from modelwatch.model.types import Fleet
from modelwatch.otel.collector import intake
from modelwatch.otel.collector.destinations import durable, variable
from modelwatch.otel.collector.names import Version, named

Json = dict[str, Any]

# MiB; GOMEMLIMIT is four fifths of it. It takes less than a gateway: it holds no traces back.
MEMORY_LIMIT = 256


def config(fleet: Fleet) -> Json:
    """The whole config for ``stack.versions.collector``."""
    addresses, version = fleet.addresses, fleet.stack.versions.collector
    processors = intake.processors(MEMORY_LIMIT, fleet)
    gateway = f"{named('exporters', 'otlp', version)}/gateway"
    pipelines = {signal: intake.pipeline(["otlp"], list(processors), [gateway]) for signal in ("traces", "logs")}
    pipelines |= intake.metrics(processors, [gateway], version)
    return {
        "extensions": intake.extensions(addresses),
        "receivers": intake.receivers(addresses),
        "processors": processors,
        "exporters": {gateway: _gateway(version)},
        "service": intake.service(addresses, pipelines),
    }


def _gateway(version: Version) -> Json:
    # One agent config for every environment: where its gateway is, it is told when it starts.
    return {
        "endpoint": "${env:MODELWATCH_GATEWAY}",
        "tls": {"insecure": "${env:MODELWATCH_GATEWAY_INSECURE:-false}"},
        "headers": {"authorization": f"${{env:{variable('gateway')}:-}}"},
        **durable(version),
    }
