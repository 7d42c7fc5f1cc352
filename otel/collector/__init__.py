"""Fleet -> the configs of the OpenTelemetry Collector and of Jaeger. See the README of this folder."""

from modelwatch.otel.collector.generator import generate

__all__ = ["generate"]
