"""Fleet -> configs of the Collector and of the trace backend."""

from __future__ import annotations

from modelwatch.emit import to_yaml
from modelwatch.model.types import Fleet
from modelwatch.otel.collector import agent, gateway, jaeger, lines


def generate(fleet: Fleet) -> dict[str, str]:
    """The Collector's configs in its two roles, what reads log lines where a spec has them written, and Jaeger's."""
    files = {"otel/collector.yaml": gateway.config(fleet), "otel/agent.yaml": agent.config(fleet)}
    if any(model.logging for model in fleet.models):
        files["otel/logs.yaml"] = lines.config(fleet)
    if jaeger.ours(fleet):
        files["otel/jaeger.yaml"] = jaeger.config(fleet)
    return {name: to_yaml(body, "models/") for name, body in files.items()}
