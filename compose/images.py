"""The images of the container stack: one table, each pinned. compose.yaml reads it as variables."""

from __future__ import annotations

from collections.abc import Mapping

IMAGES: Mapping[str, str] = {
    "prometheus": "prom/prometheus:v3.14.0",
    "alertmanager": "prom/alertmanager:v0.34.0",
    "grafana": "grafana/grafana:13.2.0",
    "collector": "otel/opentelemetry-collector-contrib:0.159.0",
    "jaeger": "jaegertracing/jaeger:2.20.0",
    "loki": "grafana/loki:3.7.6",
    # What our own image is built on.
    "python": "python:3.12-slim",
}


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """MODELWATCH_IMAGE_<NAME> -> image; one that is set in the environment wins (a mirror, another version)."""
    found = {f"MODELWATCH_IMAGE_{name.upper()}": image for name, image in IMAGES.items()}
    return {name: environ.get(name) or image for name, image in found.items()}


def version_of(image: str) -> str:
    """The tag of an image without the v that some have; "latest" where it has none."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return tag.removeprefix("v") or "latest"
