"""A preview whose Prometheus is a function; and one in a real browser whose Prometheus is real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.testclient import TestClient

from modelwatch.compose.preview.app import Settings, create_app
from tests.preview.recorded import ANSWERED, Handler, recorded


def board(uid: str = "one", title: str = "One", **more: Any) -> str:
    return json.dumps({"uid": uid, "title": title, "tags": ["k"], "panels": [], "schemaVersion": 41, **more})


def answer(data: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"status": "success", "data": data})


def _healthy(request: httpx2.Request) -> httpx2.Response:
    if request.url.path.endswith("/buildinfo"):
        return answer({"version": "3.1.0"})
    if request.url.path.endswith("/alerts"):
        return answer({"alerts": []})
    return answer({"resultType": "vector", "result": []})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "boards" / "sub").mkdir(parents=True)
    (tmp_path / "boards" / "one.json").write_text(board())
    (tmp_path / "runbooks" / "flight-delay").mkdir(parents=True)
    (tmp_path / "runbooks" / "flight-delay" / "Burn.md").write_text("# Burn: the budget of `flight-delay`\n\ntext\n")
    return tmp_path


@pytest.fixture
def open_client(folder: Path) -> Iterator[Callable[..., TestClient]]:
    """``open_client(handler)`` is a client of a preview whose Prometheus is ``handler``."""
    opened: list[TestClient] = []

    def make(handler: Handler = _healthy, **settings: Any) -> TestClient:
        made = Settings(folder / "boards", "http://prometheus.test:9090", folder / "runbooks", **settings)
        client = TestClient(create_app(made, httpx2.MockTransport(handler)), base_url="http://localhost")
        opened.append(client.__enter__())
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def healthy() -> Handler:
    """Answers as a Prometheus without data or alerts."""
    return _healthy


@pytest.fixture
def open_traces(open_client: Callable[..., TestClient]) -> Callable[..., TestClient]:
    def make(handler: Handler = recorded, **settings: object) -> TestClient:
        return open_client(handler, traces="http://jaeger.test:16686", **settings)

    return make


SAMPLES = Path(__file__).parent / "data"
TRACES = Path(__file__).parent / "traces"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
EVIL = "<img src=x onerror=alert(1)>"
RULES = """
groups:
- name: sample
  interval: 1s
  rules:
  - alert: FeatureDrift
    expr: max by (model, feature) (model_drift_score) > 0.3
    labels: {severity: ticket, category: drift}
    annotations: {summary: "a feature of {{ $labels.model }} drifted"}
"""
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yaml]
scrape_configs:
- job_name: flights
  static_configs: [{{targets: ["{target}"]}}]
"""


class Metrics(BaseHTTPRequestHandler):
    """A service whose counters grow with time, as OpenMetrics with exemplars."""

    def do_GET(self) -> None:  # the name that http.server calls
        body = "\n".join([*self.samples(time.time()), "# EOF", ""]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    @staticmethod
    def samples(now: float) -> Iterator[str]:
        count = int(now * 10) % 10_000_000
        versions = [("flight-delay", "1"), ("flight-delay", "2"), ("air-time", EVIL)]
        labels = [f'model="{model}",version="{version}"' for model, version in versions]
        yield "# TYPE model_predictions counter"
        for each in labels:
            yield f'model_predictions_total{{{each},outcome="success"}} {count}'
            yield f'model_predictions_total{{{each},outcome="error"}} {count // 20}'
        yield "# TYPE model_prediction_duration_seconds histogram"
        for each in labels:
            for edge, share in (("0.05", 0.5), ("0.25", 0.9), ("1.0", 0.99), ("+Inf", 1)):
                exemplar = f' # {{trace_id="{count:032x}"}} 0.2 {now:.3f}' if edge == "0.25" else ""
                yield f'model_prediction_duration_seconds_bucket{{{each},le="{edge}"}} {int(count * share)}{exemplar}'
            yield f"model_prediction_duration_seconds_count{{{each}}} {count}"
            yield f"model_prediction_duration_seconds_sum{{{each}}} {count * 0.08}"
        gauges: dict[str, list[tuple[str, float]]] = {
            "model_requests_in_flight": [(each, 4) for each in labels],
            "model_concurrency_limit": [(each, 16) for each in labels],
        }
        features = [("carrier", 0.02), ("distance", 0.34), ("dep_hour", 0.12)]
        scored = [
            (f'model="{m}",feature="{f}",window="{w}"', v)
            for m in ("flight-delay", "air-time")
            for f, v in features
            for w in ("15m", "1h")
        ]
        gauges["model_drift_score"] = scored
        gauges["model_drift_detected"] = [(each, int(value > 0.25)) for each, value in scored]
        gauges["model_drift_samples"] = [(each, 900) for each, _ in scored]
        gauges["model_feature_missing_ratio"] = [(each, value / 20) for each, value in scored]
        for name, rows in gauges.items():
            yield f"# TYPE {name} gauge"
            for each, value in rows:
                yield f"{name}{{{each}}} {value}"


def wait_for(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if check():
                return
        except OSError:
            pass
        time.sleep(0.2)
    pytest.fail(f"still waiting for {what}")


@dataclass
class RealPrometheus:
    program: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            self.program,
            f"--config.file={self.folder / 'prometheus.yaml'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        command += [f"--storage.tsdb.path={self.folder / 'data'}", "--enable-feature=exemplar-storage"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
            self.process = None

    def value(self, query: str) -> float | None:
        url = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(url, timeout=5) as response:
            result = json.load(response)["data"]["result"]
        return float(result[0]["value"][1]) if result else None


@pytest.fixture(scope="session")
def prometheus(part: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    program = part("prometheus", "newest")
    target = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    (folder / "prometheus.yaml").write_text(CONFIG.format(target=f"127.0.0.1:{target.server_address[1]}"))
    (folder / "rules.yaml").write_text(RULES)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    found = RealPrometheus(program, folder, port)
    found.start()
    try:
        wait_for(lambda: (found.value("count_over_time(up[1m])") or 0) >= 12, "a dozen scrapes")
        wait_for(lambda: bool(found.value('ALERTS{alertstate="firing"}')), "an alert")
        yield found
    finally:
        found.stop()
        target.shutdown()


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample dashboards that tests may change, and a runbook."""
    folder = tmp_path_factory.mktemp("preview")
    shutil.copytree(SAMPLES, folder / "boards")
    runbook = folder / "runbooks" / "flight-delay" / "FeatureDrift.md"
    runbook.parent.mkdir(parents=True)
    runbook.write_text(
        '# FeatureDrift: a feature drifted\n\n<script>alert(1)</script>\n\n```promql\nmax by (feature) (model_drift_score{model="flight-delay"})\n```\n'
    )
    return folder


class RecordedJaeger(BaseHTTPRequestHandler):
    """Answers as a real Jaeger did, whatever the time range."""

    def do_GET(self) -> None:  # the name that http.server calls
        path, _, query = self.path.partition("?")
        kind = "batch" if "operation=batch" in query else "failed" if "outcome" in query else "unsure"
        name = {"/api/v3/services": "services", "/api/v3/operations": "operations", "/api/traces": f"found-{kind}"}
        traces = {p.read_text("utf-8").partition('"traceId":"')[2][:32]: p for p in TRACES.glob("trace-*.json")}
        file = TRACES / f"{name[path]}.json" if path in name else traces.get(path.rpartition("/")[2])
        body = file.read_bytes() if file else b'{"error":{"httpCode":404,"message":"No traces found"}}'
        self.send_response(200 if file else 404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="session")
def jaeger() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), RecordedJaeger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def lines(folder: Path) -> Path:
    """A file of logs with a line of one trace, whose path is longer than a phone is wide."""
    file = folder / ("stateOfTheCollector" * 3) / "logs.jsonl"
    file.parent.mkdir()
    line = {"traceId": ANSWERED, "timeUnixNano": "1", "severityText": "INFO", "body": {"stringValue": "answered"}}
    file.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [line]}]}]}) + "\n")
    return file


@pytest.fixture(scope="session")
def site(prometheus: RealPrometheus, folders: Path, jaeger: str) -> Iterator[str]:
    command = [sys.executable, "-m", "modelwatch.compose.preview", "--dashboards", folders / "boards"]
    command += ["--runbooks", folders / "runbooks", "--prometheus", prometheus.url, "--listen", "127.0.0.1:0"]
    command += ["--scrape-interval", "1s", "--traces", jaeger, "--logs", lines(folders)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().split()[2]
        try:
            yield url
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with its module: while Playwright is open no other test could run an event loop."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing: install the package chromium")
        pytest.skip("Chromium is missing: install the package chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()


@dataclass
class Visit:
    page: Page
    complaints: list[str] = field(default_factory=list)

    def panel(self, title: str) -> Any:
        return self.page.locator("[data-panel]").filter(has=self.page.get_by_role("heading", name=title, exact=True))


@pytest.fixture
def visit(browser: Browser, site: str) -> Iterator[Callable[..., Any]]:
    """``visit(path)`` is a page whose console errors, exceptions and refused loads are collected."""

    @contextmanager
    def open_page(path: str, **options: Any) -> Iterator[Visit]:
        context = browser.new_context(base_url=site, **{"viewport": {"width": 1280, "height": 900}, **options})
        found = Visit(context.new_page())
        found.page.on("console", lambda m: found.complaints.append(m.text) if m.type in ("error", "warning") else None)
        found.page.on("pageerror", lambda e: found.complaints.append(str(e)))
        found.page.on(
            "request", lambda r: None if r.url.startswith((site, "blob:")) else found.complaints.append(r.url)
        )
        found.page.set_default_timeout(20_000)
        found.page.goto(path)
        yield found
        context.close()

    yield open_page
