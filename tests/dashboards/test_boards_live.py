"""Every query of the boards, asked of a real Prometheus that holds every series of the contract, from two replicas."""

from __future__ import annotations

import itertools
import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelwatch.dashboards import generate
from modelwatch.model.types import Fleet, Stack
from modelwatch.telemetry.metrics import CONTRACT, Metric, MetricType
from modelwatch.telemetry.promql import quote
from modelwatch.telemetry.records import RECORDS, SPEC_INFO

Json = dict[str, Any]
STEP, SPAN = 15, 900
# Boards look back a day and a week too.
AGES = (7 * 86400, 86400, 0)

VALUES = {
    "model": ("flight-delay",),
    "modelwatch_model_name": ("flight-delay",),
    "modelwatch_stage": ("", "predict", "preprocessing"),
    "span_name": ("inference flight-delay", "batch flight-delay", "predict"),
    "sampled": ("true", "false"),
    "stage": ("predict", "preprocessing"),
    "version": ("1", "2"),
    "outcome": ("success", "error", "accepted", "rejected", "sent", "dropped"),
    "feature": ("carrier", "dep_hour"),
    "window": ("15m", "1h"),
    "level": ("warning", "critical"),
    "bin": ("a", "b", "missing"),
    "predicted": ("late", "on_time"),
    "actual": ("late", "on_time"),
    "status_code": ("STATUS_CODE_UNSET", "STATUS_CODE_ERROR"),
    "severity": ("page", "ticket", "info"),
    "category": ("errors", "meta"),
    "alertstate": ("firing",),
    "slo": ("availability",),
    "mode": ("online",),
}
VARIABLES = {"__rate_interval": "1m", "__range": "10m", "window": "15m", "model": "flight-delay", "slo": "availability"}


def series(metric: Metric) -> Iterator[tuple[str, dict[str, str]]]:
    """Every series of a metric, as two instances expose it."""
    edges = [str(bucket) for bucket in metric.buckets] + ["+Inf"]
    for values in itertools.product(*(VALUES.get(label, ("x",)) for label in metric.labels)):
        for instance in ("a:1", "b:1"):
            labels = {**dict(zip(metric.labels, values, strict=True)), "job": "flights", "instance": instance}
            if metric.type is not MetricType.HISTOGRAM:
                yield metric.name, labels
                continue
            yield f"{metric.name}_sum", labels
            yield f"{metric.name}_count", labels
            for edge in edges:
                yield f"{metric.name}_bucket", {**labels, "le": edge}


def everything() -> Iterator[tuple[str, dict[str, str], bool]]:
    """All series of the contract and all records, and whether each counts up."""
    for metric in CONTRACT:
        for name, labels in series(metric):
            yield name, labels, metric.type is not MetricType.GAUGE
    # The records of one model are of one mode; the board of batch models needs one to choose.
    spec = dict.fromkeys(SPEC_INFO.labels, "x")
    yield SPEC_INFO.name, {**spec, "model": "gate-ranking", "mode": "batch"}, False
    for record in RECORDS:
        for values in itertools.product(*(VALUES.get(label, ("x",)) for label in record.labels)):
            yield record.name, dict(zip(record.labels, values, strict=True)), False


def openmetrics(now: int) -> Iterator[str]:
    for name, labels, counts in everything():
        body = ",".join(f"{label}={quote(value)}" for label, value in labels.items() if value)
        for age in AGES:
            for at in range(now - age - SPAN, now - age + 1, STEP):
                value = (at - now + age + SPAN) // STEP if counts else 1 if name in ("up", "ALERTS") else 0.5
                yield f"{name}{{{body}}} {value} {at}\n"
    yield "# EOF\n"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ask(base: str, path: str, **parameters: str | int) -> Json:
    data = urllib.parse.urlencode(parameters).encode()
    try:
        with urllib.request.urlopen(f"{base}/api/v1/{path}", data=data, timeout=30) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))


@pytest.fixture(scope="module", params=["oldest", "newest"])
def prometheus(
    request: pytest.FixtureRequest, part: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    """Base URL, and the time that its data ends."""
    server, tool = part("prometheus", request.param), part("promtool", request.param)
    folder = tmp_path_factory.mktemp("prometheus")
    now = int(time.time()) // STEP * STEP - STEP
    (folder / "data.txt").write_text("".join(openmetrics(now)), "utf-8")
    (folder / "prometheus.yaml").write_text("global: {scrape_interval: 15s}\n", "utf-8")
    command = [tool, "tsdb", "create-blocks-from", "openmetrics", folder / "data.txt", folder / "data"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    port = free_port()
    with (folder / "out.log").open("wb") as log:
        process = subprocess.Popen(
            [
                server,
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=30d",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait(base, process, folder / "out.log")
        yield base, now
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/-/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(log.read_text("utf-8"))


def substitute(expr: str) -> str:
    for name, value in VARIABLES.items():
        expr = re.sub(rf"\${name}\b", value, expr)
    return re.sub(r"\$\w+", ".*", expr)


def all_panels(board: Json) -> list[Json]:
    return [item for top in board["panels"] for item in (top, *top.get("panels", ()))]


@pytest.mark.real("prometheus")
def test_every_query_of_every_panel_returns_data(prometheus: tuple[str, int], stack: Stack) -> None:
    """None is empty, and none fails because two replicas report the same thing."""
    base, now = prometheus
    wrong = []
    for name, text in generate(Fleet(models=(), stack=stack)).items():
        board = json.loads(text)
        for panel in all_panels(board):
            for target in panel.get("targets", ()):
                if target["instant"]:
                    answer = ask(base, "query", query=substitute(target["expr"]), time=now)
                else:
                    answer = ask(
                        base, "query_range", query=substitute(target["expr"]), start=now - 300, end=now, step=STEP
                    )
                if answer["status"] != "success" or not answer["data"]["result"]:
                    wrong.append((name, panel["title"], target["refId"], answer.get("error", "empty")))
    assert wrong == []


@pytest.mark.real("prometheus")
def test_every_variable_has_options_and_alerts_have_marks(prometheus: tuple[str, int], stack: Stack) -> None:
    base, now = prometheus
    for text in generate(Fleet(models=(), stack=stack)).values():
        board = json.loads(text)
        for variable in board["templating"]["list"][1:]:
            selected, _, label = variable["definition"][len("label_values(") : -1].rpartition(", ")
            answer = ask(base, "series", **{"match[]": substitute(selected), "start": now - 300, "end": now})
            assert [item for item in answer["data"] if item.get(label)], variable["name"]
        expr = substitute(board["annotations"]["list"][0]["expr"])
        assert ask(base, "query", query=expr, time=now)["data"]["result"]


@pytest.mark.real("prometheus")
def test_each_row_of_a_table_is_one_row(prometheus: tuple[str, int], stack: Stack) -> None:
    """Queries that are joined agree in their labels: a model or a feature is one row, not one for each query."""
    base, now = prometheus
    for text in generate(Fleet(models=(), stack=stack)).values():
        for panel in all_panels(json.loads(text)):
            if panel["type"] != "table" or len(panel["targets"]) == 1:
                continue
            rows = {}
            for target in panel["targets"]:
                found = ask(base, "query", query=substitute(target["expr"]), time=now)["data"]["result"]
                rows[target["refId"]] = {tuple(sorted(item["metric"].items())) for item in found}
            widest = max(rows.values(), key=lambda items: max(len(item) for item in items))
            for found_rows in rows.values():
                # Each row of a narrower query is part of exactly as many rows as the widest has for it.
                assert all(any(set(item) <= set(wide) for wide in widest) for item in found_rows), panel["title"]
