"""Exporters for the destinations of a stack. What cannot be sent waits on disk, across restarts and without an end."""

from __future__ import annotations

from typing import Any

from modelwatch.model.addresses import LOOPBACK, Addresses
from modelwatch.model.types import Destination
from modelwatch.otel.collector.names import Version, knows, named

Json = dict[str, Any]

# Set by whoever starts the Collector: a folder of its own that outlives it.
STATE = "${env:MODELWATCH_COLLECTOR_STATE}"
QUEUE = "file_storage/queue"

# Requests: what tail sampling hands on is one trace, some kilobytes, so this is about 100 MB on disk.
_QUEUE_SIZE = 20_000
_ROTATE_MEGABYTES, _ROTATE_FILES = 100, 5


def exporter(signal: str, destination: Destination, addresses: Addresses, version: Version) -> tuple[str, Json]:
    """Component id and config. ``signal`` is "traces" or "logs"."""
    name = f"{signal}-{destination.name}"
    if destination.type == "file":
        return f"file/{name}", _file(destination.endpoint)
    if destination.type == "loki":
        kind, endpoint = "otlphttp", addresses.translate_internal(destination.endpoint).rstrip("/") + "/otlp"
    elif destination.endpoint.startswith(("http://", "https://")):
        kind, endpoint = "otlphttp", addresses.translate_internal(destination.endpoint)
    else:
        kind, endpoint = "otlp", addresses.translate(destination.endpoint)
    body: Json = {"endpoint": endpoint}
    # As the spec has it: among containers this machine has other names.
    within = destination.type == "jaeger" or _here(destination.endpoint)
    if kind == "otlp":
        # In clear only within the stack and on this machine.
        body["tls"] = {"insecure": within}
    if not within:
        body["headers"] = {"authorization": f"${{env:{authorization(destination)}}}"}
    return f"{named('exporters', kind, version)}/{name}", body | _durable(version)


def authorization(destination: Destination) -> str:
    """Name of the environment variable that holds the Authorization header for a destination off this machine."""
    return "MODELWATCH_AUTHORIZATION_" + "".join(c if c.isalnum() else "_" for c in destination.name).upper()


def _here(endpoint: str) -> bool:
    host = endpoint.partition("://")[2] or endpoint
    return host.partition("/")[0].rpartition(":")[0] in (LOOPBACK, "localhost", "[::1]")


def _durable(version: Version) -> Json:
    queue: Json = {"storage": QUEUE, "queue_size": _QUEUE_SIZE}
    if knows("batch", version):
        queue["batch"] = {"sizer": "items", "flush_timeout": "1s", "min_size": 512, "max_size": 2048}
    return {"sending_queue": queue, "retry_on_failure": {"enabled": True, "max_elapsed_time": "0s"}}


def _file(path: str) -> Json:
    where = path if path.startswith("/") else f"{STATE}/{path}"
    return {"path": where, "rotation": {"max_megabytes": _ROTATE_MEGABYTES, "max_backups": _ROTATE_FILES}}
