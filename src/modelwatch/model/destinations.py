"""What each type of destination is: the signals it takes, how it is reached and the fields that it has. A table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from modelwatch.model.addresses import LOOPBACK

Signal = Literal["traces", "metrics", "logs"]
Form = Literal["host:port", "a URL", "a path"]

SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")

_HOST_PORT = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})\Z")
_URL = re.compile(r"https?://[^\s/]+(/\S*)?\Z")
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Kind:
    """``forms`` are those of its endpoint, none where it has no endpoint; ``fields`` are what it needs besides."""

    signals: tuple[Signal, ...]
    forms: tuple[Form, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        return (*(("endpoint",) if self.forms else ()), *self.fields)


KINDS: Mapping[str, Kind] = {
    "jaeger": Kind(("traces",), ("host:port",)),
    "otlp": Kind(SIGNALS, ("host:port", "a URL")),
    "tempo": Kind(("traces",), ("host:port", "a URL")),
    "loki": Kind(("logs",), ("a URL",)),
    "prometheus": Kind(("metrics",), ("a URL",)),
    "zipkin": Kind(("traces",), ("a URL",)),
    "elasticsearch": Kind(("traces", "logs"), ("a URL",)),
    "influxdb": Kind(SIGNALS, ("a URL",), ("org", "bucket")),
    "azuremonitor": Kind(SIGNALS),
    "awsxray": Kind(("traces",), (), ("region",)),
    "awsemf": Kind(("metrics",), (), ("region",)),
    "datadog": Kind(SIGNALS, (), ("site",)),
    "file": Kind(SIGNALS, ("a path",)),
}
# Every field that some type needs, with an example.
EXAMPLES: Mapping[str, str] = {
    "endpoint": "127.0.0.1:4319",
    "region": "eu-central-1",
    "site": "datadoghq.eu",
    "org": "flights",
    "bucket": "traces",
}


def is_form(endpoint: str, form: Form) -> bool:
    """Whether the endpoint is written so."""
    if form == "a URL":
        return is_url(endpoint)
    if form == "host:port":
        match = _HOST_PORT.match(endpoint)
        return match is not None and 0 < int(match[2]) <= _HIGHEST_PORT
    return True


def is_url(endpoint: str) -> bool:
    return _URL.match(endpoint) is not None


def stays_here(kind: str, endpoint: str) -> bool:
    """Whether what is sent never leaves this machine, and may go in clear and without a secret.

    A Jaeger with a name of one word is taken for a container of the same stack.
    """
    host = (endpoint.partition("://")[2] or endpoint).partition("/")[0]
    name = host if host.endswith("]") or ":" not in host else host.rpartition(":")[0]
    return name in (LOOPBACK, "localhost", "[::1]") or (kind == "jaeger" and "." not in name and ":" not in name)


def in_clear(kind: str, endpoint: str) -> bool:
    """Whether a URL would carry data off this machine without encryption."""
    return endpoint.startswith("http://") and not stays_here(kind, endpoint)
