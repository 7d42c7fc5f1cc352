"""The main job: specs become a running, checked stack, and a fault becomes a page and a resolve."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelwatch.crosscheck import selectors
from modelwatch.model.addresses import DEFAULT_PORTS
from modelwatch.telemetry import collector
from modelwatch.telemetry.metrics import BY_NAME, Emitter, MetricType

REPO = Path(__file__).parents[2]
# One stack for all of these, whichever worker gets them.
pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(1500)]


def _free_ports(names: list[str]) -> dict[str, int]:
    """Below those that the system gives to whoever asks for any: the stack takes them half a minute later."""
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 1_000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == len(names):
            break
    return dict(zip(names, found, strict=True))


@dataclass(frozen=True)
class Stack:
    root: Path
    environ: dict[str, str]
    ports: dict[str, int]

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "modelwatch.cli.main", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.root, env=self.environ, stdout=pipe, stderr=pipe, text=True)

    def run(self, *arguments: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        with self.begin(*arguments) as running:
            try:
                out, err = running.communicate(timeout=timeout)
            except BaseException:
                running.kill()
                raise
        return subprocess.CompletedProcess(running.args, running.returncode, out, err)

    def text(self, part: str, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[part]}{path}", timeout=30) as answer:
            return str(answer.read().decode())

    def prometheus(self, path: str, **query: str) -> Any:
        return json.loads(self.text("prometheus", f"/api/v1/{path}?{urllib.parse.urlencode(query)}"))["data"]

    def wait(self, what: str, found: Any, limit: float = 180) -> Any:
        end = time.monotonic() + limit
        while not (result := found()):
            assert time.monotonic() < end, f"no {what} within {limit} s"
            time.sleep(1)
        return result


@pytest.fixture(scope="module")
def stack(part: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    for name in ("prometheus", "alertmanager", "otelcol-modelwatch", "jaeger"):
        part(name)
    root = tmp_path_factory.mktemp("stack")
    shutil.copytree(REPO / "models", root / "models")
    shutil.copytree(REPO / "demo", root / "demo", ignore=shutil.ignore_patterns("__pycache__"))
    if (REPO / ".tools").exists():
        (root / ".tools").symlink_to(REPO / ".tools")
    ports = _free_ports(list(DEFAULT_PORTS))
    ports["grafana"] = ports["preview"]
    environ = {
        **os.environ,
        "MODELWATCH_RUNTIME": "native",
        "PYTHONPATH": str(root),
        **{f"MODELWATCH_PORT_{name.upper()}": str(port) for name, port in ports.items()},
    }
    made = Stack(root, environ, ports)
    try:
        up = made.run("up", "--wait", "all")
        assert up.returncode == 0, up.stdout + up.stderr
        yield made
    finally:
        down = made.run("down")
        assert down.returncode == 0, down.stdout + down.stderr


@pytest.fixture(scope="module")
def drill(stack: Stack) -> Iterator[subprocess.Popen[str]]:
    """It waits some minutes for its page and its resolve, in which others test what it leaves alone."""
    rate = 'rate(model_predictions_total{model="flight-delay"}[1m]) > 0'
    stack.wait("traffic", lambda: stack.prometheus("query", query=rate)["result"])
    with stack.begin("drill", "--format", "json") as running:
        yield running
        running.kill()


def test_every_part_is_ready_and_says_so(stack: Stack) -> None:
    told = json.loads(stack.run("status", "--format", "json").stdout)
    assert told["ready"]
    assert {one["state"] for one in told["parts"]} == {"ready"}, told


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    before = json.loads(stack.run("status", "--format", "json").stdout)["parts"]
    again = stack.run("up")
    assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout + again.stderr
    assert [one["since"] for one in json.loads(stack.run("status", "--format", "json").stdout)["parts"]] == [
        one["since"] for one in before
    ]


def test_what_the_running_parts_expose_is_in_the_contract_with_its_type_and_labels(stack: Stack) -> None:
    stack.wait("row in the sidecar", lambda: 'outcome="accepted"} 0' not in stack.text("exporter", "/metrics"))
    for part, emitters in (("demo", {Emitter.SERVICE, Emitter.CLIENT}), ("exporter", {Emitter.SIDECAR})):
        exposed = set()
        for family in text_string_to_metric_families(stack.text(part, "/metrics")):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            if not name.startswith(("model_", "modelwatch_")):
                continue
            assert name in BY_NAME, f"{part} exposes {name}, which the contract does not know"
            metric = BY_NAME[name]
            assert family.type == metric.type.value, name
            exposed.add(name)
            for sample in family.samples:
                assert set(sample.labels) - {"le"} == set(metric.labels), sample
        # Scores wait for enough rows, and a series of a batch run for its first end.
        later = {"model_drift_score", "model_feature_new_category_ratio"}
        missing = (
            {m.name for m in BY_NAME.values() if m.emitter in emitters and m.type is not MetricType.GAUGE}
            - exposed
            - later
        )
        assert not missing, f"{part} does not expose {missing}"


@pytest.mark.usefixtures("drill")
def test_every_rule_is_healthy_and_every_metric_that_it_reads_is_there(stack: Stack) -> None:
    import promql_parser

    def groups() -> Any:
        found = stack.prometheus("rules")["groups"]
        return found if all(rule["health"] != "unknown" for group in found for rule in group["rules"]) else None

    found = stack.wait("evaluation of every rule", groups, 300)
    unhealthy = [
        (rule["name"], rule.get("lastError")) for group in found for rule in group["rules"] if rule["health"] != "ok"
    ]
    assert not unhealthy
    read = {
        s.name for group in found for rule in group["rules"] for s, _ in selectors(promql_parser.parse(rule["query"]))
    }
    # What only exists after hours of traffic, or when something is broken.
    rare = {"alertmanager_notifications_failed_total", "prometheus_notifications_dropped_total", "model_drift_score"}
    # What the sidecar tells only of enough rows, or only when something has changed.
    rare |= {"model_correlation_change", "model_pca_reconstruction_error_ratio"}
    rare |= {"model_low_confidence_ratio", "model_constant_output"}
    # The Collector tells of losses from the first one on, and of logs once there are any.
    rare |= {metric.name for metric in (*collector.LOST, collector.REFUSED_LOGS)}
    # Records: the cross-check holds that a rule reads only what its own group has recorded before it.
    rare |= {name for name in read if ":" in name}

    def unread() -> set[str] | None:
        names = set(json.loads(stack.text("prometheus", "/api/v1/label/__name__/values"))["data"])
        return None if read - rare - names else {"all"}

    stack.wait("series for every metric that a rule reads", unread, 240)


def test_the_targets_of_every_scrape_job_are_up(stack: Stack) -> None:
    def down() -> Any:
        targets = stack.prometheus("targets")["activeTargets"]
        return not [(t["labels"], t["lastError"]) for t in targets if t["health"] != "up"]

    stack.wait("scrape of every target", down)


def _exemplars(stack: Stack) -> list[dict[str, Any]]:
    """Those of the latency histogram whose traces have had the time to be decided and sent."""
    query = 'model_prediction_duration_seconds_bucket{model="flight-delay"}'
    now = time.time()
    series = stack.prometheus("query_exemplars", query=query, start=f"{now - 3600}", end=f"{now - 45}")
    return [exemplar for one in series for exemplar in one["exemplars"]]


def test_every_exemplar_of_the_latency_histogram_leads_to_its_trace_whose_times_add_up(stack: Stack) -> None:
    """The histogram's value is the request's span, whose stages are its children, in order."""
    exemplars = stack.wait("exemplar", lambda: _exemplars(stack), 300)
    answered = 0
    for exemplar in exemplars[-25:]:
        trace = exemplar["labels"]["trace_id"]
        (found,) = json.loads(stack.text("jaeger", f"/api/traces/{trace}"))["data"]
        spans = {span["spanID"]: span for span in found["spans"]}
        request = spans[exemplar["labels"]["span_id"]]
        outcome = next(tag["value"] for tag in request["tags"] if tag["key"] == "modelwatch.outcome")
        if outcome == "error":  # the drill's: its last stage never came
            continue
        answered += 1
        assert request["operationName"] == "inference flight-delay"
        # Jaeger cuts to whole microseconds.
        assert abs(request["duration"] - float(exemplar["value"]) * 1e6) <= 1.5
        stages = sorted(
            (span for span in spans.values() if span["references"] and span is not request),
            key=lambda span: (span["startTime"], span["duration"]),
        )
        stages = [stage for stage in stages if stage["references"][0]["spanID"] == request["spanID"]]
        assert [stage["operationName"] for stage in stages] == ["preprocessing", "predict", "postprocessing"]
        times = [(stage["startTime"], stage["startTime"] + stage["duration"]) for stage in stages]
        assert request["startTime"] <= times[0][0]
        assert all(ended <= begun + 1 for (_, ended), (begun, _) in itertools.pairwise(times))
        assert times[-1][1] <= request["startTime"] + request["duration"] + 1
        assert sum(stage["duration"] for stage in stages) <= request["duration"]
        drawn = stack.text("preview", f"/traces/{trace}")
        order = [
            drawn.index(f"Level {level}: </span>{name}")
            for level, name in ((1, request["operationName"]), (2, "predict"))
        ]
        assert order == sorted(order)
        # Its line is kept where its trace is, and has come by way of the Collector.
        assert 'log-body">inference of flight-delay: success' in drawn
    assert answered


def test_the_preview_leads_from_a_model_to_its_slowest_requests_and_exemplars(stack: Stack) -> None:
    def page() -> str | None:
        found = stack.text("preview", "/traces?model=flight-delay")
        listed, _, exemplars = found.partition("Exemplars of latency")
        return found if 'href="/traces/' in listed and 'href="/traces/' in exemplars else None

    assert "Traces of flight-delay" in stack.wait("a list of traces and exemplars", page, 300)


def test_an_edited_spec_reloads_what_it_changes_and_nothing_else(stack: Stack) -> None:
    before = {one["part"]: one["since"] for one in json.loads(stack.run("status", "--format", "json").stdout)["parts"]}
    # Not the model of the drill, whose alert it would change.
    spec = stack.root / "models" / "air-time.yaml"
    spec.write_text(spec.read_text().replace("objective: 99.5", "objective: 99.4"))
    up = stack.run("up")
    assert up.returncode == 0, up.stdout + up.stderr
    objective = 'slo:objective:ratio{model="air-time",slo="availability"} == 0.994'
    stack.wait("new objective", lambda: stack.prometheus("query", query=objective)["result"], 240)
    after = {one["part"]: one["since"] for one in json.loads(stack.run("status", "--format", "json").stdout)["parts"]}
    assert after == before, "nothing had to start again"


def test_a_broken_spec_is_told_and_the_running_stack_stays_as_it_was(stack: Stack) -> None:
    spec = stack.root / "models" / "flight-delay.yaml"
    good = spec.read_text()
    try:
        spec.write_text(good.replace("objective:", "objctive:", 1))
        up = stack.run("up")
        assert up.returncode == 1
        assert "did you mean" in up.stderr and "flight-delay.yaml:" in up.stderr
        assert json.loads(stack.run("status", "--format", "json").stdout)["ready"]
    finally:
        spec.write_text(good)


def _answer_many(stack: Stack) -> None:
    """Good answers for a hundred times the errors: their share of the short window falls at once, not in five minutes."""

    def failing() -> bool:
        return any(one["name"] == "failing" and one["active"] for one in json.loads(stack.text("demo", "/faults")))

    stack.wait("healing", lambda: not failing())
    query = 'sum(model_predictions_total{model="flight-delay",outcome="error"})'
    (errors,) = stack.prometheus("query", query=query)["result"]
    now = json.loads(stack.text("demo", "/progress"))["simulated"]
    flight = {"time": now, "carrier": "UA", "origin": "EWR", "distance": 1400, "dep_hour": 9, "dep_delay": -5}
    body = json.dumps([flight] * 250).encode()
    for _ in range(int(float(errors["value"][1])) * 100 // 250 + 1):
        address = f"http://127.0.0.1:{stack.ports['demo']}/v1/models/flight-delay/predict"
        with urllib.request.urlopen(urllib.request.Request(address, body), timeout=30) as answer:
            answer.read()


def test_a_fault_becomes_a_page_and_healing_it_a_resolve(stack: Stack, drill: subprocess.Popen[str]) -> None:
    address = "/incidents?model=flight-delay&alert=ErrorBudgetBurnFast"
    stack.wait("page", lambda: json.loads(stack.text("pagerduty", address))["incidents"] or drill.poll(), 600)
    _answer_many(stack)
    out, err = drill.communicate(timeout=1400)
    assert drill.returncode == 0, out + err
    times = json.loads(out)
    incident = json.loads(stack.text("pagerduty", f"/incidents/{times['incident']}"))
    assert incident["status"] == "resolved" and incident["severity"] == "critical"
    told = json.dumps(incident)
    assert "error expanding" not in told and "<no value>" not in told
    counts = json.loads(stack.text("pagerduty", "/incidents"))["counts"]
    assert counts["orphans"] == 0 and counts["refused"] == 0
    runbook = next(link["href"] for link in incident["latest_trigger"]["links"] if link["text"] == "Runbook")
    with urllib.request.urlopen(runbook, timeout=30) as page:
        assert "What to do" in page.read().decode()
