"""Where each part of the stack listens: documented ports on the loopback, each movable by its own variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from modelwatch.model import suggest

LOOPBACK = "127.0.0.1"
DEFAULT_PORTS: Mapping[str, int] = {
    "demo": 8000,
    "pagerduty": 8089,
    "prometheus": 9090,
    "alertmanager": 9093,
    "exporter": 9180,
    "preview": 3000,
    "grafana": 3000,
    "otlp_grpc": 4317,
    "otlp_http": 4318,
    "collector": 8888,
    "collector_health": 13133,
    "span_metrics": 8889,
    "jaeger": 16686,
    "jaeger_otlp": 4319,
    "loki": 3100,
}
# What listens there: the reference page and --help say it.
LISTENERS: Mapping[str, str] = {
    "demo": "the demo service",
    "pagerduty": "the local PagerDuty double",
    "prometheus": "Prometheus",
    "alertmanager": "Alertmanager",
    "exporter": "the drift sidecar, also where `modelwatch exporter` runs it alone",
    "preview": "the preview of dashboards and runbooks; with containers 3001, beside Grafana",
    "grafana": "Grafana, with containers only",
    "otlp_grpc": "the Collector: OTLP over gRPC",
    "otlp_http": "the Collector: OTLP over HTTP",
    "collector": "the Collector's own metrics",
    "collector_health": "the Collector's health check",
    "span_metrics": "the Collector: metrics that it makes of spans",
    "jaeger": "Jaeger",
    "jaeger_otlp": "Jaeger: spans from the Collector",
    "loki": "Loki, with containers and where a spec sends logs to it",
}


def variable(part: str) -> str:
    """The name of the environment variable that moves a part."""
    return f"{_PREFIX}{part.upper()}"


def _defaults() -> dict[str, str]:
    return {part: f"{LOOPBACK}:{port}" for part, port in DEFAULT_PORTS.items()}


class PortError(ValueError):
    """A MODELWATCH_PORT_ variable that cannot be followed. The text says which, why and how to mend it."""


@dataclass(frozen=True)
class Addresses:
    """``host:port`` of every part, as seen from the other parts (``internal``) and from a browser (``public``).

    ``loopback`` is what the other parts call this machine: a container's own 127.0.0.1 is not it.
    """

    internal: Mapping[str, str] = field(default_factory=_defaults)
    public: Mapping[str, str] = field(default_factory=_defaults)
    loopback: str = LOOPBACK

    @classmethod
    def native(cls, environ: Mapping[str, str]) -> Addresses:
        """All parts on the loopback, moved by ``MODELWATCH_PORT_<NAME>``. Raises PortError."""
        found = {part: f"{LOOPBACK}:{port}" for part, port in ports(environ).items()}
        return cls(internal=found, public=found)

    def translate(self, address: str) -> str:
        """A documented default address in a spec follows its part when that is moved; any other stays as it is.

        Another port of this machine stays on this machine, whatever the parts call it.
        """
        host, _, port = address.rpartition(":")
        if host in (LOOPBACK, "localhost"):
            for part, default in DEFAULT_PORTS.items():
                if port == str(default):
                    return self.internal[part]
            return address if self.loopback == LOOPBACK else f"{self.loopback}:{port}"
        return address

    def translate_internal(self, url: str) -> str:
        """The same for a URL that a part calls."""
        scheme, mark, rest = url.partition("://")
        address, slash, path = rest.partition("/")
        return f"{scheme}{mark}{self.translate(address)}{slash}{path}" if mark else url

    def translate_public(self, url: str) -> str:
        """A link that a person follows, to the part that it means."""
        for part, port in DEFAULT_PORTS.items():
            for host in (LOOPBACK, "localhost"):
                prefix = f"http://{host}:{port}"
                if url == prefix or url.startswith(prefix + "/"):
                    return f"http://{self.public[part]}{url[len(prefix) :]}"
        return url


_PREFIX = "MODELWATCH_PORT_"
_PORT = re.compile(r"[0-9]{1,5}\Z")
# What Kubernetes and Docker set in every container beside a service called modelwatch: MODELWATCH_PORT_9180_TCP_ADDR.
_OF_A_SERVICE = re.compile(rf"{_PREFIX}[0-9]+_(TCP|UDP|SCTP)(_|\Z)")


def ports(environ: Mapping[str, str]) -> dict[str, int]:
    """Port of every part. Raises PortError for a value that is no port, and for a variable of no part."""
    found = dict(DEFAULT_PORTS)
    for variable, text in sorted(environ.items()):
        if not text or not variable.upper().startswith(_PREFIX) or _OF_A_SERVICE.match(variable):
            continue
        part = variable.removeprefix(_PREFIX).lower()
        if part not in found or variable != f"{_PREFIX}{part.upper()}":
            raise PortError(f"{variable} moves no part: {_instead(variable[len(_PREFIX) :])}")
        if not (_PORT.match(text) and 0 < int(text) < 65536):
            raise PortError(f"{variable}={text[:40]!r} is no port: give a number from 1 to 65535, or unset it")
        found[part] = int(text)
    return found


def _instead(name: str) -> str:
    guess = suggest.close(name, DEFAULT_PORTS)
    if guess:
        return f"did you mean {_PREFIX}{guess.upper()}?"
    return f"unset it, or end it with one of {', '.join(part.upper() for part in DEFAULT_PORTS)}"
