"""What every Collector of ours does first, whichever its role, and where it listens.

In order: the memory limit, so that nothing is taken that cannot be held; what host this is; redaction, so that nothing
behind it sees what may not leave.
"""

from __future__ import annotations

from typing import Any

from modelwatch.model.addresses import Addresses
from modelwatch.model.types import Fleet
from modelwatch.otel.collector import foreign, redaction
from modelwatch.otel.collector.destinations import QUEUE, STATE
from modelwatch.otel.collector.names import Version, named

Json = dict[str, Any]

MEMORY, REDACTION, SCRUB, HEALTH = "memory_limiter", "redaction", "transform/scrub", "health_check"
METRICS = "filter/metrics"


def processors(memory: int, fleet: Fleet) -> Json:
    """In the order of every pipeline that takes data in; ``memory`` in MiB."""
    version = fleet.stack.versions.collector
    return {
        MEMORY: {"check_interval": "1s", "limit_mib": memory, "spike_limit_mib": memory // 5},
        # What a Collector nearer to the service has said of its host stays.
        named("processors", "resourcedetection", version): {
            "detectors": ["env", "system"],
            "system": {"hostname_sources": ["os"]},
            "override": False,
        },
        SCRUB: redaction.transform(version),
        REDACTION: redaction.processor(fleet),
    }


def metrics(processors: Json, exporters: list[str], version: Version) -> Json:
    """The pipeline that takes metrics in, by its name, where the release can be told what may leave.

    Its filter is added to ``processors``; what is dropped need not be looked at any further.
    """
    if not foreign.taken(version):
        return {}
    first, *rest = processors
    processors[METRICS] = redaction.dropped_metrics()
    return {"metrics/in": pipeline(["otlp"], [first, METRICS, *rest], exporters)}


def extensions(addresses: Addresses) -> Json:
    return {
        HEALTH: {"endpoint": addresses.internal["collector_health"]},
        QUEUE: {"directory": f"{STATE}/queue", "create_directory": True},
    }


def receivers(addresses: Addresses) -> Json:
    listen = addresses.internal
    protocols = {"grpc": {"endpoint": listen["otlp_grpc"]}, "http": {"endpoint": listen["otlp_http"]}}
    return {"otlp": {"protocols": protocols}}


def service(addresses: Addresses, pipelines: Json) -> Json:
    host, _, port = addresses.internal["collector"].rpartition(":")
    # Whether names end in _total is a default that has changed; without what would change them all releases agree.
    plain = {"without_type_suffix": True, "without_units": True}
    reader = {"pull": {"exporter": {"prometheus": {"host": host, "port": int(port), **plain}}}}
    return {
        "extensions": [HEALTH, QUEUE],
        "pipelines": pipelines,
        "telemetry": {"metrics": {"level": "normal", "readers": [reader]}},
    }


def pipeline(receivers: list[str], processors: list[str], exporters: list[str]) -> Json:
    return {"receivers": receivers, "processors": processors, "exporters": exporters}
