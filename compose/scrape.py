"""Prometheus' own config: what it scrapes, which rules it evaluates, and where alerts go."""

from __future__ import annotations

from typing import Any

from modelwatch import emit
from modelwatch.model.types import Fleet
from modelwatch.telemetry.jobs import ALERTMANAGER_JOB, COLLECTOR_JOB, EXPORTER_JOB, PROMETHEUS_JOB, SPAN_METRICS_JOB

PATH = "prometheus/prometheus.yaml"


def _job(name: str, targets: list[str], **more: Any) -> dict[str, Any]:
    return {"job_name": name, **more, "static_configs": [{"targets": targets}]}


def _model_jobs(fleet: Fleet) -> list[dict[str, Any]]:
    """One job for each serving.job: models that share a service are scraped once."""
    jobs: dict[tuple[str, str], list[str]] = {}
    for model in fleet.models:
        targets = jobs.setdefault((model.serving.job, model.serving.metrics_path), [])
        targets += [
            host for target in model.serving.targets if (host := fleet.addresses.translate(target)) not in targets
        ]
    return [
        _job(job, sorted(targets), **({"metrics_path": path} if path != "/metrics" else {}))
        for (job, path), targets in sorted(jobs.items())
        if targets
    ]


def config(fleet: Fleet) -> dict[str, Any]:
    stack, at = fleet.stack, fleet.addresses.internal
    return {
        "global": {
            "scrape_interval": stack.scrape_interval.text,
            "evaluation_interval": stack.evaluation_interval.text,
            "external_labels": dict(stack.external_labels),
        },
        "rule_files": ["rules/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [at["alertmanager"]]}]}]},
        "scrape_configs": [
            *_model_jobs(fleet),
            _job(EXPORTER_JOB, [at["exporter"]]),
            _job(COLLECTOR_JOB, [at["collector"]]),
            # Span metrics carry the service's own job and instance as labels of theirs.
            _job(SPAN_METRICS_JOB, [at["span_metrics"]], honor_labels=True),
            _job(PROMETHEUS_JOB, [at["prometheus"]]),
            _job(ALERTMANAGER_JOB, [at["alertmanager"]]),
        ],
    }


def generate(fleet: Fleet) -> dict[str, str]:
    return {PATH: emit.to_yaml(config(fleet), fleet.stack.source or "the stack")}
