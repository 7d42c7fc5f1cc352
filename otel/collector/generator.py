"""Fleet -> configs of the Collector and of the trace backend."""

from __future__ import annotations

from modelwatch.emit import to_yaml
from modelwatch.model.types import Fleet
from modelwatch.otel.collector import gateway, jaeger


def generate(fleet: Fleet) -> dict[str, str]:
    """``otel/collector.yaml``, and ``otel/jaeger.yaml`` where Jaeger is a part of the stack."""
    files = {"otel/collector.yaml": gateway.config(fleet)}
    if jaeger.ours(fleet):
        files["otel/jaeger.yaml"] = jaeger.config(fleet)
    return {name: to_yaml(body, "models/") for name, body in files.items()}
