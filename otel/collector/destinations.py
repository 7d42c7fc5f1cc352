"""Exporters for the destinations of a stack. What cannot be sent waits on disk, across restarts and without an end.

Where a service's exporter has no queue or gives up by itself, the README of this folder says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from modelwatch.model.addresses import Addresses
from modelwatch.model.destinations import Signal, is_url, stays_here
from modelwatch.model.types import Destination
from modelwatch.otel.collector.names import Version, knows, named
from modelwatch.telemetry.spans import MODEL_NAME, MODEL_VERSION, OUTCOME, STAGE

Json = dict[str, Any]

# Set by whoever starts the Collector: a folder of its own that outlives it.
STATE = "${env:MODELWATCH_COLLECTOR_STATE}"
QUEUE = "file_storage/queue"

# Requests: what tail sampling hands on is one trace, some kilobytes, so this is about 100 MB on disk.
_QUEUE_SIZE = 20_000
_ROTATE_MEGABYTES, _ROTATE_FILES = 100, 5
# Elasticsearch's exporter counts its retries: with a minute between them, more than two months.
_RETRIES = 100_000
# Types, by all their names, whose exporters only the contrib distribution has, and not our own build of the Collector.
CONTRIB_ONLY = frozenset(("elasticsearch", "influxdb", "azuremonitor", "azure_monitor", "awsxray", "awsemf", "datadog"))
# CloudWatch's namespace and log group of the metrics.
_NAMESPACE, _LOG_GROUP = "modelwatch", "/modelwatch/metrics"


@dataclass(frozen=True, slots=True)
class _Target:
    destination: Destination
    addresses: Addresses
    version: Version


def exporters(
    signal: Signal, destinations: Sequence[Destination], addresses: Addresses, version: Version
) -> dict[str, Json]:
    """Component ids and configs for one signal."""
    return dict(_exporter(signal, _Target(destination, addresses, version)) for destination in destinations)


def authorization(destination: Destination) -> str:
    """Name of the environment variable with the header, key or token that a destination off this machine wants."""
    return variable(destination.name)


def variable(name: str) -> str:
    return "MODELWATCH_AUTHORIZATION_" + "".join(c if c.isalnum() else "_" for c in name).upper()


def durable(version: Version) -> Json:
    """A queue on disk that is retried for as long as it takes."""
    return {"sending_queue": _queue(version), "retry_on_failure": {"enabled": True, "max_elapsed_time": "0s"}}


def _exporter(signal: Signal, to: _Target) -> tuple[str, Json]:
    old, body = _BODIES[to.destination.type](to)
    return f"{named('exporters', old, to.version)}/{signal}-{to.destination.name}", body


def _queue(version: Version) -> Json:
    queue: Json = {"storage": QUEUE, "queue_size": _QUEUE_SIZE}
    if knows("batch", version):
        queue["batch"] = {"sizer": "items", "flush_timeout": "1s", "min_size": 512, "max_size": 2048}
    return queue


def _literal(text: str | None) -> str:
    """A value of the spec, of which the Collector expands nothing."""
    return (text or "").replace("$", "$$")


def _secret(to: _Target) -> str:
    return f"${{env:{authorization(to.destination)}}}"


def _http(to: _Target, path: str = "") -> Json:
    """Endpoint and header; in clear and without a secret on this machine only, whatever the parts call it."""
    url = to.addresses.translate_internal(to.destination.endpoint)
    body: Json = {"endpoint": _literal(url.rstrip("/") + path if path else url)}
    if not stays_here(to.destination.type, to.destination.endpoint):
        body["headers"] = {"authorization": _secret(to)}
    return body


def _otlp(to: _Target) -> tuple[str, Json]:
    if is_url(to.destination.endpoint):
        return "otlphttp", _http(to) | durable(to.version)
    within = stays_here(to.destination.type, to.destination.endpoint)
    body: Json = {"endpoint": to.addresses.translate(to.destination.endpoint), "tls": {"insecure": within}}
    if not within:
        body["headers"] = {"authorization": _secret(to)}
    return "otlp", body | durable(to.version)


def _loki(to: _Target) -> tuple[str, Json]:
    return "otlphttp", _http(to, "/otlp") | durable(to.version)


def _prometheus(to: _Target) -> tuple[str, Json]:
    return "otlphttp", _http(to, "/api/v1/otlp") | durable(to.version)


def _zipkin(to: _Target) -> tuple[str, Json]:
    return "zipkin", _http(to) | durable(to.version)


def _elasticsearch(to: _Target) -> tuple[str, Json]:
    body = _http(to)
    return "elasticsearch", {
        "endpoints": [body.pop("endpoint")],
        **body,
        # Its queue is off unless it is told to be on.
        "sending_queue": {"enabled": True, **_queue(to.version)},
        "retry": {
            "enabled": True,
            "max_retries" if knows("max_retries", to.version) else "max_requests": _RETRIES,
            "max_interval": "1m",
            "retry_on_status": [429, 502, 503, 504],
        },
    }


def _influxdb(to: _Target) -> tuple[str, Json]:
    body: Json = {
        "endpoint": _http(to)["endpoint"],
        "org": _literal(to.destination.org),
        "bucket": _literal(to.destination.bucket),
        # On this machine too it takes nothing without.
        "token": _secret(to),
    }
    return "influxdb", body | durable(to.version)


def _azuremonitor(to: _Target) -> tuple[str, Json]:
    queue = {"enabled": True, **_queue(to.version)}
    return "azuremonitor", {"connection_string": _secret(to), "sending_queue": queue}


def _awsxray(to: _Target) -> tuple[str, Json]:
    indexed = [attribute.key for attribute in (MODEL_NAME, MODEL_VERSION, STAGE, OUTCOME)]
    return "awsxray", {"region": to.destination.region, "indexed_attributes": indexed}


def _awsemf(to: _Target) -> tuple[str, Json]:
    return "awsemf", {
        "region": to.destination.region,
        "namespace": _NAMESPACE,
        "log_group_name": _LOG_GROUP,
        # The default makes, and bills, one more metric for each label.
        "dimension_rollup_option": "NoDimensionRollup",
    }


def _datadog(to: _Target) -> tuple[str, Json]:
    body: Json = {
        "api": {"site": to.destination.site, "key": _secret(to)},
        # It would tell of this host what nobody listed.
        "host_metadata": {"enabled": False},
    }
    return "datadog", body | durable(to.version)


def _file(to: _Target) -> tuple[str, Json]:
    path = _literal(to.destination.endpoint)
    where = path if path.startswith("/") else f"{STATE}/{path}"
    return "file", {"path": where, "rotation": {"max_megabytes": _ROTATE_MEGABYTES, "max_backups": _ROTATE_FILES}}


_BODIES: dict[str, Callable[[_Target], tuple[str, Json]]] = {
    "jaeger": _otlp,
    "otlp": _otlp,
    "tempo": _otlp,
    "loki": _loki,
    "prometheus": _prometheus,
    "zipkin": _zipkin,
    "elasticsearch": _elasticsearch,
    "influxdb": _influxdb,
    "azuremonitor": _azuremonitor,
    "awsxray": _awsxray,
    "awsemf": _awsemf,
    "datadog": _datadog,
    "file": _file,
}
