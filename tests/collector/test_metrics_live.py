"""Metrics that services push over OTLP, in the real Collector: what is kept of them, and what is not."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwatch.model.types import Destination, Fleet
from modelwatch.otel.collector import generate
from modelwatch.otel.collector.foreign import LABELS
from modelwatch.otel.collector.redaction import ALLOWED
from modelwatch.telemetry import spans as s
from tests.collector.conftest import fetch, free_addresses, until
from tests.collector.telemetry import samples, written

Json = dict[str, Any]
real = pytest.mark.real("otelcol-modelwatch")


def labelled(**labels: Any) -> list[Json]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in labels.items()]


def point(value: float, **labels: Any) -> Json:
    return {
        "asDouble": value,
        "startTimeUnixNano": "1700000000000000000",
        "timeUnixNano": "1700000060000000000",
        "attributes": labelled(**labels),
    }


def counter(name: str, *points: Json, **more: Any) -> Json:
    return {"name": name, "sum": {"dataPoints": points, "aggregationTemporality": 2, "isMonotonic": True}, **more}


def gauge(name: str, *points: Json, **more: Any) -> Json:
    return {"name": name, "gauge": {"dataPoints": points}, **more}


def histogram(name: str, *counts: list[int], exemplar: str = "x", **labels: Any) -> Json:
    made = []
    for number, each in enumerate(counts):
        whole = point(0, **labels, **{f"passenger.{number}": "x"})
        del whole["asDouble"]
        seen = {
            "asDouble": 0.3,
            "timeUnixNano": "1700000059000000000",
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": "b7ad6b7169203331",
            "filteredAttributes": labelled(**{"passenger": exemplar, exemplar: "x"}),
        }
        bounds = [0.1, 1.0][: max(len(each) - 1, 0)]
        made.append(
            {
                **whole,
                "count": f"{sum(each)}",
                "sum": 1.0,
                "bucketCounts": [f"{count}" for count in each],
                "explicitBounds": bounds,
                "exemplars": [seen],
            }
        )
    return {"name": name, "unit": "s", "histogram": {"dataPoints": made, "aggregationTemporality": 2}}


def push(address: str, *metrics: Json, **resource: str) -> None:
    body = {
        "resourceMetrics": [
            {
                "resource": {"attributes": labelled(**{"service.name": "tickets", **resource})},
                "scopeMetrics": [{"scope": {"name": "tickets.api"}, "metrics": metrics}],
            }
        ]
    }
    request = urllib.request.Request(
        f"http://{address}/v1/metrics", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def page(fleet: Fleet) -> str:
    accept = "application/openmetrics-text; version=1.0.0"
    return fetch(f"http://{fleet.addresses.internal['span_metrics']}/metrics", accept)


def values(text: str, name: str, label: str) -> dict[str, float]:
    return {one.get(label, ""): float(one[""]) for one in samples(text, name)}


@real
def test_pushed_metrics_stand_where_prometheus_reads_and_go_to_the_destinations(
    collector: Any, moved: Fleet, tmp_path: Path
) -> None:
    """Series that differ only in labels that may not leave are added up, and none stands for the others."""
    fleet = replace(moved, stack=replace(moved.stack, metrics=(Destination("more", "file", "metrics.jsonl"),)))
    collector(fleet)
    get, post = {"http.request.method": "GET"}, {"http.request.method": "POST"}
    push(
        fleet.addresses.internal["otlp_http"],
        counter("tickets.sold", point(3, **get, passenger="Ada"), point(4, **get, passenger="Bob"), point(5, **post)),
        gauge("tickets.price", point(10, **get, passenger="Ada"), point(30, **get, passenger="Bob")),
        histogram("tickets.wait", [1, 2, 3], [10, 20, 30], **get),
        # What follows takes nothing with it.
        counter("model_predictions", point(1)),
        counter("model.predictions", point(1)),
        counter("traces.span.metrics.calls", point(1)),
        {"name": "tickets.summary", "summary": {"dataPoints": [{"count": "1", "sum": 1.0}]}},
        histogram("tickets.bare", [], []),
        histogram("tickets.torn", [1, 2, 3], [1, 2, 3, 4]),
        gauge("", point(1)),
    )
    text = until(lambda: (found := page(fleet)) and "tickets_wait" in found and found, "the metrics")
    assert values(text, "tickets_sold_total", "http_request_method") == {"GET": 7, "POST": 5}
    assert values(text, "tickets_price", "http_request_method") == {"GET": 20}
    buckets = values(text, "tickets_wait_seconds_bucket", "le")
    assert {float(bound): count for bound, count in buckets.items()} == {0.1: 11, 1.0: 33, float("inf"): 66}
    assert 'trace_id="0af7651916cd43dd8448eb211c80319c"' in text
    assert {one["job"] for one in samples(text, "tickets_sold_total")} == {"tickets"}
    for name in ("model", "traces", "tickets_summary", "tickets_bare"):
        assert f"\n{name}" not in text
    sent = until(lambda: written(tmp_path / "state", "metrics.jsonl"), "the destination's")
    names = [
        m["name"] for line in sent for r in line["resourceMetrics"] for s in r["scopeMetrics"] for m in s["metrics"]
    ]
    assert names == ["tickets.sold", "tickets.price", "tickets.wait", "tickets.torn"]
    assert values(text, "tickets_torn_seconds_count", "le") == {"": 6}, "without the point that has a bucket too many"
    for left in ("Ada", "Bob", "passenger"):
        assert left not in text
        assert left not in json.dumps(sent)


@real
def test_metrics_go_through_the_agent_too(
    collector: Any, part: Any, run: Callable[..., Any], moved: Fleet, tmp_path: Path
) -> None:
    """And leave the machine of the service as the gateway would let them."""
    collector(moved)
    beside = replace(moved, addresses=free_addresses())
    config = tmp_path / "agent.yaml"
    config.write_text(generate(beside)["otel/agent.yaml"], "utf-8")
    env = {
        "MODELWATCH_COLLECTOR_STATE": str(tmp_path / "agent"),
        "MODELWATCH_GATEWAY": moved.addresses.internal["otlp_grpc"],
        "MODELWATCH_GATEWAY_INSECURE": "true",
    }
    run(part("otelcol-modelwatch"), "--config", str(config), env=env)
    until(lambda: fetch(f"http://{beside.addresses.internal['collector_health']}"), "the agent")
    push(beside.addresses.internal["otlp_http"], counter("tickets.sold", point(3, passenger="Ada"), point(4)))
    text = until(lambda: (found := page(moved)) and "tickets_sold" in found and found, "the metrics")
    assert values(text, "tickets_sold_total", "passenger") == {"": 7}


def test_labels_of_pushed_metrics_are_some_of_what_spans_may_carry() -> None:
    """None of which a service has many values."""
    assert set(LABELS) <= set(ALLOWED)
    many = {s.CONFIDENCE.key, s.BATCH_SIZE.key, s.SERVICE_INSTANCE.key, "exception.stacktrace"}
    assert not many & set(LABELS)


def test_a_release_that_cannot_be_told_what_may_leave_takes_no_metrics(fleet: Fleet) -> None:
    for version, takes in (((0, 157), False), ((0, 158), True)):
        versions = replace(fleet.stack.versions, collector=version)
        files = generate(replace(fleet, stack=replace(fleet.stack, versions=versions)))
        for name in ("otel/collector.yaml", "otel/agent.yaml"):
            made = yaml.safe_load(files[name])
            assert ("metrics/in" in made["service"]["pipelines"]) is takes
            assert ("filter/metrics" in made["processors"]) is takes
            assert ("metric_statements" in made["processors"]["transform/scrub"]) is takes
