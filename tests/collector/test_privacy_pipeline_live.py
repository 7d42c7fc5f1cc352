"""The corpus of private data through a whole stack: service, Collector, Jaeger and Prometheus, with generated configs.

A service is watched by the helpers and has other instrumentation beside them; both get the corpus wherever there is room.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modelwatch.compose import scrape
from modelwatch.model.types import Destination, Fleet
from modelwatch.otel.collector import generate
from modelwatch.telemetry import spans as s
from tests.collector.conftest import Running, fetch, until
from tests.collector.telemetry import samples, written
from tests.collector.test_metrics_live import counter, gauge, histogram, point, push
from tests.collector.test_privacy_live import CORPUS, EVERYTHING, THEIRS, logs, send, texts, traces_of_it
from tests.otel.test_otel_allowed import PATTERNED

pytestmark = [pytest.mark.real(name) for name in ("otelcol-modelwatch", "jaeger", "prometheus")]
REPOSITORY = Path(__file__).parents[2]
LINKED = "attribute-of-a-link"
SERVICE = f"""
import json, logging, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from opentelemetry import trace
from opentelemetry.trace import Link, Status, StatusCode
from modelwatch.otel import setup
from tests.otel.test_otel_allowed import everything

logging.basicConfig(level=logging.INFO)
corpus, patterned = json.loads(sys.argv[1])
watch = setup("tests/data/flight-delay.yaml", version="7")
theirs = trace.get_tracer("flights.api")
for text in corpus:
    if text in patterned:
        everything(watch, text)
    shown = {{text: "x", "passenger": text, "note": f"seat 12A of {{text}}", "list": [text], "exception.message": text}}
    if text in patterned:
        shown |= {{"http.route": f"/tickets/{{text}}", "modelwatch.outcome": text, "error.type": f"for {{text}}"}}
    with watch.inference(headers={{"baggage": f"passenger={{text}}"}}) as inference, inference.stage("predict"):
        trace.get_current_span().set_attributes(shown)
        trace.get_current_span().add_event(f"sold to {{text}}, window", shown)
        here = trace.get_current_span().get_span_context()
        with theirs.start_as_current_span(
            f"ticket of {{text}} sold", attributes=shown, links=[Link(here, {{"{LINKED}": "x"}})]
        ) as span:
            span.add_event(f"sold to {{text}}", shown)
            span.record_exception(ValueError(f"no seat for {{text}}"))
            span.set_status(Status(StatusCode.ERROR, f"no seat for {{text}}"))
trace.get_tracer_provider().force_flush()


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body, kind = watch.exposition(self.headers.get("accept"))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("127.0.0.1", int(os.environ["MODELWATCH_PORT_DEMO"])), Page).serve_forever()
"""


@pytest.fixture
def watched(moved: Fleet) -> Fleet:
    """Everything is kept, in Jaeger and in a file, and pushed metrics in a file too."""
    models = tuple(replace(model, tracing=replace(model.tracing, sample=Decimal(1))) for model in moved.models)
    stack = replace(
        moved.stack,
        traces=(Destination("jaeger", "jaeger", "127.0.0.1:4319"), Destination("kept", "file", "traces.jsonl")),
        metrics=(Destination("pushed", "file", "metrics.jsonl"),),
    )
    return replace(moved, models=models, stack=stack)


@pytest.fixture
def prometheus(part: Any, run: Callable[..., Running], watched: Fleet, tmp_path: Path) -> Running:
    """Started as the native stack starts it."""
    config = tmp_path / "prometheus.yaml"
    config.write_text(scrape.generate(watched)[scrape.PATH], "utf-8")
    at = watched.addresses.internal["prometheus"]
    running = run(
        part("prometheus", "newest"),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address={at}",
        "--enable-feature=exemplar-storage",
    )
    until(lambda: fetch(f"http://{at}/-/ready"), "Prometheus")
    return running


@pytest.fixture
def jaeger(part: Any, run: Callable[..., Running], watched: Fleet, tmp_path: Path) -> Running:
    config = tmp_path / "jaeger.yaml"
    config.write_text(generate(watched)["otel/jaeger.yaml"], "utf-8")
    running = run(part("jaeger"), "--config", str(config))
    until(lambda: fetch(f"http://{watched.addresses.internal['jaeger']}/api/v3/services"), "Jaeger")
    return running


@pytest.fixture
def service(watched: Fleet, tmp_path: Path) -> Iterator[Path]:
    """The started service's log."""
    log, ports = tmp_path / "service.log", watched.addresses.internal
    environ = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    for part in ("demo", "otlp_http"):
        environ[f"MODELWATCH_PORT_{part.upper()}"] = ports[part].rpartition(":")[2]
    with log.open("wb") as out:
        started = subprocess.Popen(
            [sys.executable, "-c", SERVICE, json.dumps([EVERYTHING, PATTERNED])],
            cwd=REPOSITORY,
            env=environ,
            stdout=out,
            stderr=out,
        )
    yield log
    started.kill()
    started.wait()


def pushed(fleet: Fleet) -> None:
    """Metrics of other instrumentation, with the corpus in names, labels, units, descriptions, exemplars and resource."""
    made = []
    for private in EVERYTHING:
        shown = {private: "x", "passenger": private, "note": f"seat 12A of {private}"}
        if private not in CORPUS["names"]:
            shown |= {"http.route": f"/tickets/{private}", s.OUTCOME.key: private}
        texts_of_it = {"description": f"sold to {private}", "unit": private}
        metadata = [{"key": private, "value": {"stringValue": private}}]
        made += [
            counter(f"sold to {private}", point(1)),
            counter(private, point(1)),
            counter("tickets.sold", point(1, **shown), **texts_of_it, metadata=metadata),
            gauge("tickets.price", point(1, **shown), **texts_of_it),
            histogram("tickets.wait", [1, 2, 3], exemplar=private, **shown),
        ]
    push(fleet.addresses.internal["otlp_http"], *made, owner="Ada Lovelace")


def told_by_jaeger(fleet: Fleet) -> Mapping[str, str]:
    paths = ("services", "services/flights/operations", "traces?service=flights&limit=50000", "v3/services")
    return {path: fetch(f"http://{fleet.addresses.internal['jaeger']}/api/{path}") for path in paths}


def told_by_prometheus(fleet: Fleet) -> Mapping[str, str]:
    """Names and values of every label, what metrics are said to be, and exemplars."""
    base = f"http://{fleet.addresses.internal['prometheus']}/api/v1"
    labels = json.loads(fetch(f"{base}/labels"))["data"]
    exemplars = urllib.parse.urlencode({"query": '{__name__=~".+"}', "start": "0", "end": "9999999999"})
    paths = ["labels", "metadata", "targets/metadata", f"query_exemplars?{exemplars}"]
    return {path: fetch(f"{base}/{path}") for path in (*paths, *(f"label/{label}/values" for label in labels))}


def test_nothing_private_is_left_in_the_backend_the_logs_or_the_metrics(
    watched: Fleet, prometheus: Running, jaeger: Running, collector: Any, service: Path, tmp_path: Path
) -> None:
    at = watched.addresses.internal
    running = collector(watched)
    send(watched, "logs", logs(THEIRS))
    pushed(watched)
    page = f"http://{at['demo']}/metrics"
    until(lambda: fetch(page), f"the service: {service.read_text()[-500:]}")

    def found() -> bool:
        return len(json.loads(told_by_jaeger(watched)["traces?service=flights&limit=50000"])["data"]) > len(EVERYTHING)

    def scraped() -> bool:
        names = told_by_prometheus(watched).get("label/__name__/values", "")
        wanted = ("traces_span_metrics_calls_total", "tickets_sold_total", "model_predictions_total", "otelcol_")
        return all(name in names for name in wanted)

    until(found, "the traces")
    until(scraped, "the metrics")
    accept = "application/openmetrics-text; version=1.0.0"
    told = {
        **{f"Jaeger's {path}": text for path, text in told_by_jaeger(watched).items()},
        **{f"Prometheus' {path}": text for path, text in told_by_prometheus(watched).items()},
        "the service's metrics": fetch(page) + fetch(page, accept),
        "the Collector's own metrics": fetch(f"http://{at['collector']}/metrics"),
        "span metrics and pushed ones": fetch(f"http://{at['span_metrics']}/metrics", accept),
        "the service's log": service.read_text("utf-8"),
        "the Collector's log": running.stop(),
        "Jaeger's log": jaeger.stop(),
        "Prometheus' log": prometheus.stop(),
        **{
            file: "\n".join(texts(written(tmp_path / "state", file)))
            for file in ("traces.jsonl", "logs.jsonl", "metrics.jsonl")
        },
    }
    left = {
        where: hits
        for where, text in told.items()
        if (hits := {p: h for p in EVERYTHING if (h := traces_of_it(p, text))})
    }
    assert left == {}
    # So that there was something to be found.
    assert all(told.values())
    assert len(samples(told["span metrics and pushed ones"], "tickets_sold_total")) > 1
    assert told["traces.jsonl"].count("inference flight-delay") > len(EVERYTHING)
    assert "passenger" not in told["traces.jsonl"] + told["logs.jsonl"] + told["metrics.jsonl"]
    # No release has a way to reach these; when one has, this tells.
    assert LINKED in told["traces.jsonl"]
