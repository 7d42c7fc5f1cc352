"""The generated config in the real Collector: what it keeps, counts, removes, and how it ends."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Status, StatusCode
from prometheus_client import CollectorRegistry

from modelwatch.model.types import Destination, Fleet, Model, Stack
from modelwatch.otel.collector import generate
from modelwatch.otel.sampling import TailSampling
from modelwatch.otel.watch import Watch
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import spans as s
from tests.collector.telemetry import Service, attributes, kept, samples, spans, written

pytestmark = pytest.mark.real("otelcol-modelwatch")


def models_of(fleet: Fleet, **tracing: Any) -> tuple[Model, ...]:
    return tuple(replace(model, tracing=replace(model.tracing, **tracing)) for model in fleet.models)


def test_it_starts_without_a_warning_and_ends_when_told(collector: Any, moved: Fleet) -> None:
    """No name of an older release, no option about to go."""
    log = collector(moved).stop()
    assert "Shutdown complete" in log
    assert not [line for line in log.splitlines() if re.search(r"\t(warn|error)\t|deprecat|please rewrite", line)]


@pytest.mark.parametrize("logs", ["file", "loki", "otlp", "none"])
@pytest.mark.parametrize("traces", ["jaeger", "otlp", "https", "file", "none"])
def test_the_collector_validates_every_kind_of_destination(
    part: Any, tmp_path: Path, stack: Stack, traces: str, logs: str
) -> None:
    destinations = {
        "jaeger": (Destination("jaeger", "jaeger", "127.0.0.1:4319"),),
        "otlp": (Destination("other-side", "otlp", "traces.example.com:4317"),),
        "https": (Destination("other-side", "otlp", "https://otlp.example.com"),),
        "loki": (Destination("loki", "loki", "http://127.0.0.1:3100"),),
        "file": (Destination("archive", "file", "a.jsonl"), Destination("second", "file", "/tmp/b.jsonl")),
        "none": (),
    }
    fleet = Fleet((), replace(stack, traces=destinations[traces], logs=destinations[logs]))
    config = tmp_path / "collector.yaml"
    config.write_text(generate(fleet)["otel/collector.yaml"], "utf-8")
    environ = {
        **os.environ,
        "MODELWATCH_COLLECTOR_STATE": str(tmp_path / "state"),
        "MODELWATCH_AUTHORIZATION_OTHER_SIDE": "Bearer x",
    }
    command = [part("otelcol-modelwatch"), "validate", "--config", config]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environ)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_errors_slow_unsure_and_drifted_requests_are_all_kept(
    collector: Any, moved: Fleet, service: Service, tmp_path: Path
) -> None:
    """Of ordinary ones with no share to keep, none."""
    running = collector(replace(moved, models=models_of(moved, sample=Decimal(0))))
    failed = {service.request(error=True) for _ in range(10)}
    slow = {service.request(milliseconds=250) for _ in range(10)}
    unsure = {service.request(**{s.CONFIDENCE.key: 0.4, s.LOW_CONFIDENCE.key: True}) for _ in range(10)}
    drifted = {service.request(**{s.DRIFTED.key: True}) for _ in range(10)}
    for _ in range(20):
        service.request(milliseconds=249, **{s.LOW_CONFIDENCE.key: False, s.DRIFTED.key: False})
    service.flush()
    running.stop()
    assert kept(tmp_path / "state") == failed | slow | unsure | drifted


def test_each_model_has_its_own_policy(collector: Any, moved: Fleet, service: Service, tmp_path: Path) -> None:
    air, flight, gate = moved.models
    models = (
        replace(air, tracing=replace(air.tracing, sample=Decimal(1))),
        replace(flight, tracing=replace(flight.tracing, sample=Decimal(0), keep=("errors",))),
        replace(gate, tracing=replace(gate.tracing, sample=Decimal(0), keep=("slow",))),
    )
    running = collector(replace(moved, models=models))
    wanted = {
        service.request("air-time"),
        service.request("flight-delay", error=True),
        service.request("gate-ranking", 300),
    }
    service.request("flight-delay", 300)
    service.request("gate-ranking", error=True)
    service.request("unheard-of")
    service.flush()
    running.stop()
    assert kept(tmp_path / "state") == wanted


def test_the_share_of_ordinary_traces_is_the_one_that_services_expect(
    collector: Any, moved: Fleet, service: Service, tmp_path: Path
) -> None:
    """An exemplar is only given to a trace that will be found, so both sides must agree on every single one."""
    fleet = replace(moved, models=models_of(moved, sample=Decimal("0.3")))
    running = collector(fleet)
    policy = TailSampling(fleet.models[1].tracing)
    sent = [service.request() for _ in range(400)]
    expected = {
        trace for trace in sent if policy.keeps(int(trace, 16), error=False, seconds=0.02, low_confidence=False)
    }
    service.flush()
    running.stop()
    assert kept(tmp_path / "state") == expected
    assert 60 < len(expected) < 180


def usual(metric: m.Metric) -> set[str]:
    """Its labels but the one of what is counted in a lump, which test_collector_alerts_live.py sees."""
    return {*metric.labels} - {m.OVERFLOW}


def test_span_metrics_have_the_names_and_labels_of_the_contract(
    collector: Any, moved: Fleet, service: Service, page: Callable[..., str], waiting: Callable[..., Any]
) -> None:
    """All spans are counted, those too that sampling drops."""
    collector(replace(moved, models=models_of(moved, sample=Decimal(0), keep=())))
    for _ in range(7):
        service.request(milliseconds=20)
    service.request(milliseconds=20, error=True)
    service.flush()
    url = f"http://{moved.addresses.internal['span_metrics']}/metrics"

    def counted_all() -> str:
        # A series first appears with 0, so that Prometheus sees it rise.
        found = page(url)
        return found if sum(int(sample[""]) for sample in samples(found, m.SPAN_CALLS.name)) == 16 else ""

    text = waiting(counted_all, "all span metrics")
    calls = samples(text, m.SPAN_CALLS.name)
    # job and instance tell services apart here; Prometheus keeps them as exported_job and exported_instance.
    assert {label for sample in calls for label in sample} == {*usual(m.SPAN_CALLS), "job", "instance", ""}
    counted = {
        (sample["span_name"], sample["span_kind"], sample["status_code"], sample.get(s.STAGE.label, "")): sample[""]
        for sample in calls
    }
    assert counted == {
        ("inference flight-delay", "SPAN_KIND_SERVER", "STATUS_CODE_UNSET", ""): "7",
        ("inference flight-delay", "SPAN_KIND_SERVER", "STATUS_CODE_ERROR", ""): "1",
        ("predict", "SPAN_KIND_INTERNAL", "STATUS_CODE_UNSET", "predict"): "8",
    }
    buckets = samples(text, f"{m.SPAN_DURATION.name}_bucket")
    assert {float(sample["le"]) for sample in buckets} == {*m.LATENCY_BUCKETS, float("inf")}
    assert {label for sample in buckets for label in sample} == {*usual(m.SPAN_DURATION), "le", "job", "instance", ""}
    assert {sample["service_name"] for sample in calls} == {"flights"}
    assert {sample[s.MODEL_NAME.label] for sample in calls} == {"flight-delay"}


def test_buckets_carry_exemplars_in_the_open_format(
    collector: Any, moved: Fleet, service: Service, page: Callable[..., str], waiting: Callable[..., Any]
) -> None:
    """Under the label that Grafana is told to look for."""
    collector(moved)
    trace = service.request(error=True)
    service.flush()
    url = f"http://{moved.addresses.internal['span_metrics']}/metrics"
    accept = "application/openmetrics-text; version=1.0.0"
    text = waiting(lambda: (found := page(url, accept)) and "# {" in found and found, "exemplars")
    assert f'{s.EXEMPLAR_TRACE_ID}="{trace}"' in text


def test_what_is_not_listed_does_not_leave(
    collector: Any, moved: Fleet, tmp_path: Path, waiting: Callable[..., Any]
) -> None:
    """Attributes of spans, resources and events that nobody allowed, free text, and values that look private."""
    collector(moved)
    service = Service(moved, **{"passenger.name": "Ada Example"})
    span = service.tracer.start_span(
        "inference flight-delay",
        attributes={
            s.MODEL_NAME.key: "flight-delay",
            s.MODEL_VERSION.key: "ada@example.com",
            s.ERROR_TYPE.key: "card 4111 1111 1111 1111",
            s.BATCH_SIZE.key: 3,
            "feature.carrier": "UA",
            "http.request.header.authorization": "Bearer abcdefgh12345678",
        },
    )
    span.add_event("exception", {"exception.type": "ValueError", "exception.message": "seat 12A of Ada", "x": "Ada"})
    span.set_status(Status(StatusCode.ERROR, "passenger Ada has no seat"))
    span.end()
    service.flush()
    (found,) = waiting(lambda: spans(tmp_path / "state"), "the trace")
    service.provider.shutdown()
    text = (tmp_path / "state" / "traces.jsonl").read_text("utf-8")
    for secret in ("Ada", "ada@example.com", "4111", "UA", "abcdefgh12345678"):
        assert secret not in text
    assert attributes(found) == {
        s.MODEL_NAME.key: "flight-delay",
        s.MODEL_VERSION.key: "****",
        s.ERROR_TYPE.key: "card****",
        s.BATCH_SIZE.key: "3",
    }
    assert attributes(found["events"][0]) == {"exception.type": "ValueError"}
    assert found["status"] == {"code": 2}


def test_everything_that_the_helpers_send_arrives_whole(
    collector: Any, moved: Fleet, service: Service, tmp_path: Path, waiting: Callable[..., Any]
) -> None:
    """Redaction takes nothing from our own spans, and the policies know their attributes."""
    fleet = replace(moved, models=models_of(moved, sample=Decimal(0)))
    collector(fleet)
    watch = Watch(fleet.models[1], version="2013.06", registry=CollectorRegistry(), tracer=service.tracer)
    with watch.inference(batch=2) as inference:
        with inference.stage("preprocessing"):
            pass
        with inference.stage("predict"):
            pass
        inference.confidence(0.3)
        inference.drifted()
    with pytest.raises(KeyError), watch.inference() as inference, inference.stage("predict"):
        inference.fail("timeout")
        with watch.batch([inference]):
            pass
        raise KeyError("seat")
    service.flush()
    found = waiting(lambda: (all_ := spans(tmp_path / "state")) and len(all_) == 6 and all_, "six spans")
    by_name: dict[str, list[dict[str, Any]]] = {}
    for span in found:
        by_name.setdefault(span["name"], []).append(span)
    keys = {key for span in found for key in attributes(span)}
    assert keys == {attribute.key for attribute in s.SPAN_ATTRIBUTES}
    (event,) = [event for span in found for event in span.get("events", ())]
    assert set(attributes(event)) == {"exception.type", "exception.stacktrace"}
    assert len(by_name["predict"]) == 2
    resource = written(tmp_path / "state")[0]["resourceSpans"][0]["resource"]
    assert {s.SERVICE_NAME.key, s.ENVIRONMENT.key, "host.name"} <= set(attributes(resource))


def test_logs_arrive_in_their_file_without_what_is_not_listed(
    collector: Any, moved: Fleet, tmp_path: Path, waiting: Callable[..., Any]
) -> None:
    collector(moved)
    provider = LoggerProvider(resource=Resource.create({s.SERVICE_NAME.key: "flights"}))
    exporter = OTLPLogExporter(endpoint=f"http://{moved.addresses.internal['otlp_http']}/v1/logs")
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("modelwatch")
    logger.emit(
        body="answered ada@example.com",
        severity_text=logging.getLevelName(logging.INFO),
        attributes={s.MODEL_NAME.key: "flight-delay", "passenger": "Ada"},
    )
    provider.shutdown()
    (message,) = waiting(lambda: written(tmp_path / "state", "logs.jsonl"), "the log record")
    (record,) = message["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert record["body"] == {"stringValue": "answered ****"}
    assert attributes(record) == {s.MODEL_NAME.key: "flight-delay"}


def test_its_own_metrics_are_on_their_port(
    collector: Any, moved: Fleet, service: Service, page: Callable[..., str], waiting: Callable[..., Any]
) -> None:
    collector(moved)
    service.request(error=True)
    service.flush()
    url = f"http://{moved.addresses.internal['collector']}/metrics"
    assert waiting(lambda: "otelcol_receiver_accepted_spans" in page(url), "the Collector's own metrics")
