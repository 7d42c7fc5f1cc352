"""Where services send their traces, and which variable tells them so where that port was moved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from modelwatch.model.addresses import DEFAULT_PORTS, variable

RECEIVER = "collector"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""OpenTelemetry's own, of every language; modelwatch's helpers read it too, before their own."""


@dataclass(frozen=True)
class Receiver:
    """The Collector's OTLP receivers, as a service on this machine reaches them."""

    http: str
    grpc: str

    def said(self) -> str:
        """A line that can be acted upon; the helpers find the documented port by themselves."""
        port = int(self.http.rpartition(":")[2])
        how = f"{ENDPOINT}={self.http}"
        if port == DEFAULT_PORTS["otlp_http"]:
            own = f"modelwatch's helpers by themselves, others with {how}"
        else:
            own = f"start them with {how}; modelwatch's helpers also read {variable('otlp_http')}={port}"
        return f"services send traces to {self.http} ({own}); over gRPC to {self.grpc}"


def receiver(parts: Collection[str], public: Mapping[str, str]) -> Receiver | None:
    """None where the Collector is no part of this stack, or is not to come."""
    if RECEIVER not in parts:
        return None
    return Receiver(f"http://{public['otlp_http']}", f"http://{public['otlp_grpc']}")
