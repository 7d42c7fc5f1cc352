"""Destinations in the real Collector: what starts, and what arrives, also after an outage."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from modelwatch.model.destinations import KINDS, SIGNALS
from modelwatch.model.types import Destination, Fleet
from modelwatch.otel.collector import generate
from modelwatch.otel.collector.destinations import CONTRIB_ONLY
from modelwatch.programs import lacking
from modelwatch.telemetry import metrics as m
from tests.collector.telemetry import Service
from tests.collector.test_collector_destinations import AWAY, DOCUMENTED

pytestmark = pytest.mark.real("otelcol-modelwatch")

# Their exporters are not in our own build of the Collector.
NOT_RUN = {name.replace("_", "") for name in DOCUMENTED["exporters"]}
HERE = {
    "jaeger": "127.0.0.1:4319",
    "otlp": "127.0.0.1:9999",
    "tempo": "http://127.0.0.1:9998",
    "loki": "http://127.0.0.1:3100",
    "prometheus": "http://127.0.0.1:9090",
    "zipkin": "http://127.0.0.1:9411/api/v2/spans",
    "file": "here.jsonl",
}


def everywhere(fleet: Fleet) -> Fleet:
    """Every destination that our own Collector has an exporter for, on this machine and off it, in one config."""
    stack = fleet.stack
    for signal in SIGNALS:
        away = [replace(AWAY[kind], name=f"{kind}-away") for kind in HERE if kind != "file"]
        here = [Destination(f"{kind}-here", kind, endpoint) for kind, endpoint in HERE.items()]  # type: ignore[arg-type]  # names of the spec
        stack = replace(stack, **{signal: tuple(d for d in (*away, *here) if signal in KINDS[d.type].signals)})
    return replace(fleet, stack=stack)


def test_the_check_with_the_programs_knows_what_the_collector_here_has_no_exporter_for(
    part: Any, fleet: Fleet, tmp_path: Path
) -> None:
    """Such a config is no fault of the spec, so the program is not asked."""
    config = tmp_path / "collector.yaml"
    for kind, expected in (("elasticsearch", ["elasticsearch"]), ("azuremonitor", ["azure_monitor"]), ("otlp", [])):
        stack = replace(fleet.stack, logs=(AWAY[kind],))
        config.write_text(generate(replace(fleet, stack=stack))["otel/collector.yaml"], "utf-8")
        assert lacking(part("otelcol-modelwatch"), config) == expected


def test_every_type_is_run_here_or_checked_against_its_documentation() -> None:
    assert set(HERE) | NOT_RUN == set(KINDS)
    assert not set(HERE) & NOT_RUN
    assert NOT_RUN | set(DOCUMENTED["exporters"]) == CONTRIB_ONLY


def test_the_collector_starts_with_every_destination_it_has_and_warns_of_nothing(
    part: Any, collector: Any, moved: Fleet, tmp_path: Path
) -> None:
    fleet = everywhere(moved)
    names = [f"MODELWATCH_AUTHORIZATION_{kind.upper()}_AWAY" for kind in HERE]
    secrets = {name: f"Bearer secret-of-{name}" for name in names}
    running = collector(fleet, env=secrets)
    log = running.stop()
    assert "Shutdown complete" in log
    # gRPC tells by itself that nobody answers on the other side, and what was sent by then found nobody.
    lines = [line for line in log.splitlines() if '"grpc_log": true' not in line and "Exporting failed" not in line]
    assert not [line for line in lines if re.search(r"\t(warn|error)\t|deprecat", line)]
    assert "secret-of" not in log
    state = {"MODELWATCH_COLLECTOR_STATE": str(tmp_path / "state")}
    command = [part("otelcol-modelwatch"), "validate", "--config", tmp_path / "collector.yaml"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **state, **secrets})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.real("prometheus")
def test_span_metrics_arrive_at_the_otlp_endpoint_of_prometheus(
    part: Any, run: Any, collector: Any, moved: Fleet, service: Service, tmp_path: Path, page: Any, waiting: Any
) -> None:
    """Under the same names and labels as those that it reads from the Collector."""
    address = moved.addresses.internal["prometheus"]
    config = tmp_path / "prometheus.yaml"
    config.write_text("storage: {tsdb: {out_of_order_time_window: 30m}}\n", "utf-8")
    run(
        part("prometheus", "newest"),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address={address}",
        "--web.enable-otlp-receiver",
    )
    waiting(lambda: page(f"http://{address}/-/ready"), "Prometheus")
    there = (Destination("mine", "prometheus", f"http://{address}/"),)
    collector(replace(moved, stack=replace(moved.stack, metrics=there)))
    for _ in range(5):
        service.request()
    service.flush()

    def found() -> list[dict[str, Any]]:
        answer = page(f"http://{address}/api/v1/query?query={m.SPAN_CALLS.name}")
        result: list[dict[str, Any]] = json.loads(answer or '{"data": {"result": []}}')["data"]["result"]
        return result if sum(float(series["value"][1]) for series in result) == 10 else []

    series = waiting(found, "the span metrics")
    assert set(m.SPAN_CALLS.labels) - {m.OVERFLOW} <= {label for entry in series for label in entry["metric"]}
    assert {entry["metric"]["span_name"] for entry in series} == {"inference flight-delay", "predict"}
    buckets = page(f"http://{address}/api/v1/query?query={m.SPAN_DURATION.name}_bucket")
    edges = {entry["metric"]["le"] for entry in json.loads(buckets)["data"]["result"]}
    assert {float(edge) for edge in edges} == {*m.LATENCY_BUCKETS, float("inf")}


class Zipkin:
    """Takes spans as Zipkin does, and answers 503 until it is told to work."""

    def __init__(self, address: str) -> None:
        self.works, self.refused, self.names = False, 0, []  # type: tuple[bool, int, list[str]]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.works:
                    outer.names += [span["name"] for span in json.loads(body)]
                else:
                    outer.refused += 1
                self.send_response(202 if outer.works else 503)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        host, _, port = address.rpartition(":")
        self.server = ThreadingHTTPServer((host, int(port)), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def zipkin(moved: Fleet) -> Iterator[Zipkin]:
    made = Zipkin(moved.addresses.internal["loki"])
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_zipkin_gets_after_an_outage_what_it_refused(
    collector: Any, moved: Fleet, service: Service, zipkin: Zipkin, waiting: Callable[..., Any]
) -> None:
    """Also when the Collector was killed in between: the queue is on disk."""
    models = tuple(replace(model, tracing=replace(model.tracing, sample=Decimal(1))) for model in moved.models)
    url = f"http://{moved.addresses.internal['loki']}/api/v2/spans"
    stack = replace(moved.stack, traces=(Destination("zipkin", "zipkin", url),))
    fleet = replace(moved, models=models, stack=stack)
    first = collector(fleet)
    service.request()
    service.flush()
    waiting(lambda: zipkin.refused, "a refusal")
    first.stop(9)
    zipkin.works = True
    collector(fleet)
    assert sorted(waiting(lambda: zipkin.names, "the spans")) == ["inference flight-delay", "predict"]
