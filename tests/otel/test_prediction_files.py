"""Rows that a service writes are those that the real sidecar counts: each once, over rotation, workers and their ends."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client import Counter as Metric

from modelwatch.model.types import Logging, Model, PredictionLogs
from modelwatch.otel import Watch
from modelwatch.otel.logs.files import RotatedFiles
from modelwatch.otel.logs.outbox import flush_all
from modelwatch.otel.logs.predictions import PredictionRows
from tests.conftest import sample_model
from tests.otel.test_otel_survives import Load, environment, stopped_under_load

SPEC = """
apiVersion: modelwatch/v1
kind: Model
metadata: {name: flight-delay, owner: ops-ml}
serving: {job: flights}
task: {type: classification, classes: [on_time, late]}
features:
  - {name: dep_hour, type: numeric, range: [0, 23]}
  - {name: carrier, type: categorical}
baseline: {data: reference.csv}
logging: {predictions: {folder: ../rows, file_megabytes: 1}}
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "flight-delay.yaml").write_text(SPEC)
    rows = (f"{n % 24},{'UA' if n % 3 else 'DL'}" for n in range(2000))
    (folder / "reference.csv").write_text("dep_hour,carrier\n" + "\n".join(rows) + "\n")
    return folder


class Sidecar:
    """`modelwatch exporter --logs`, a process of its own."""

    def __init__(self, models: Path, logs: Path, state: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        command = [sys.executable, "-c", "import sys; from modelwatch.cli.main import main; sys.exit(main())"]
        flags = ["--models", models, "--state", state, "--listen", self.url[7:], "--logs", logs]
        self.log = (state.parent / "sidecar.log").open("wb")
        self.process = subprocess.Popen([*command, "exporter", *map(str, flags)], stdout=self.log, stderr=self.log)

    def counted(self) -> dict[str, int]:
        """Rows by outcome; nothing before it is there."""
        try:
            with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
                page = answer.read().decode()
        except OSError:
            return {}
        found = re.findall(r"^modelwatch_exporter_rows_total\{(.*)\} (\S+)$", page, re.M)
        return {re.findall(r'outcome="(\w+)"', labels)[0]: int(float(value)) for labels, value in found}

    def until(self, rows: int) -> dict[str, int]:
        """What it has counted when it has counted so many, and a moment later."""
        end = time.monotonic() + 60
        while self.counted().get("accepted", 0) < rows and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(1.5)
        return self.counted()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()


@pytest.fixture
def sidecar(models: Path, tmp_path: Path) -> Iterator[Sidecar]:
    made = Sidecar(models, tmp_path / "rows", tmp_path / "state")
    yield made
    made.end()


def work(watch: Watch, worker: int, rows: int) -> None:
    """What one worker answers; it says how many rows it says were written."""
    for number in range(rows):
        with watch.inference() as inference:
            inference.predicted(
                {"dep_hour": number % 24, "carrier": "UA", "name": "Ada"}, "late", 0.93, f"{worker}-{number}"
            )
        if number % 500 == 0:
            time.sleep(0.01)


def written(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def test_rows_of_four_forked_workers_with_rotated_files_are_counted_by_the_sidecar_once_each(
    models: Path, sidecar: Sidecar, tmp_path: Path
) -> None:
    code = f"""
import multiprocessing, sys
from modelwatch.otel import setup
from tests.otel.test_prediction_files import work
watch = setup({str(models / "flight-delay.yaml")!r}, version="7", logs=False)
work(watch, 0, 100)
context = multiprocessing.get_context("fork")
workers = [context.Process(target=work, args=(watch, n, 15_000)) for n in range(1, 5)]
for worker in workers: worker.start()
for worker in workers: worker.join()
sys.exit(sum(worker.exitcode for worker in workers))
"""
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment("http://127.0.0.1:1", OTEL_SDK_DISABLED="true")
    )
    folder = tmp_path / "rows"
    files = list(folder.glob("*.jsonl"))
    by_process = Counter(path.name.rsplit("-", 1)[0] for path in files)
    assert len(by_process) == 5
    assert sum(count >= 3 for count in by_process.values()) == 4, "each worker rotated twice or more"
    assert max(path.stat().st_size for path in files) <= 1_000_000
    ids = [row["id"] for row in written(folder)]
    assert len(ids) == len(set(ids)) == 60_100
    assert sidecar.until(60_100) == {"accepted": 60_100, "rejected": 0}


APP = """
import os, threading
from modelwatch.otel import setup

watch = setup({spec!r}, version="7", logs=False)
count = iter(range(1_000_000_000))


def app(environ, start_response):
    with watch.inference() as inference:
        trace = inference.headers()["traceparent"].split("-")[1]
        inference.predicted({{"dep_hour": 7, "carrier": "UA"}}, "late", 0.93, id=trace)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{{trace}} {{os.getpid()}}".encode()]
"""


@pytest.mark.parametrize("flags", [("--preload",), ("--threads", "4")], ids=" ".join)
def test_four_gunicorn_workers_told_to_stop_under_load_lose_no_row_of_an_answered_request(
    models: Path, sidecar: Sidecar, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    (tmp_path / "service.py").write_text(APP.format(spec=str(models / "flight-delay.yaml")))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-w", "4", "-b", f"127.0.0.1:{port}", "--no-control-socket"]
    serving = subprocess.Popen(
        [*command, *flags, "--pythonpath", str(tmp_path), "service:app"],
        env=environment("http://127.0.0.1:1"),
        stderr=subprocess.PIPE,
        text=True,
    )
    load: Load = stopped_under_load(serving, port)
    rows = Counter(row["id"] for row in written(tmp_path / "rows"))
    assert [trace for trace in load.traces if rows[trace] != 1] == []
    assert sidecar.until(len(rows)) == {"accepted": len(rows), "rejected": 0}


def test_sigterm_of_a_plain_process_writes_what_waits_traced_or_not(models: Path, tmp_path: Path) -> None:
    code = f"""
import threading
from modelwatch.otel import setup
watch = setup({str(models / "flight-delay.yaml")!r}, version="7", logs=False)
with watch.inference() as inference:
    for n in range(1000): inference.predicted({{"dep_hour": n % 24}}, "late", id=n)
print("ready", flush=True); threading.Event().wait()
"""
    for variables in ({}, {"OTEL_SDK_DISABLED": "true"}):
        running = subprocess.Popen(
            [sys.executable, "-c", code], env=environment("http://127.0.0.1:1", **variables), stdout=subprocess.PIPE
        )
        assert running.stdout is not None and running.stdout.readline() == b"ready\n"
        running.terminate()
        assert running.wait(timeout=30) == -signal.SIGTERM
        running.stdout.close()
    assert sorted(row["id"] for row in written(tmp_path / "rows")) == sorted([*range(1000), *range(1000)])


# --- in this process ---


def logged(folder: Path, sample: str = "1") -> Model:
    predictions = PredictionLogs(str(folder), 1, 16, Decimal(sample))
    return sample_model(logging=Logging("info", Decimal(0), (), (), (), predictions=predictions))


def test_a_row_is_what_the_sidecar_reads_with_features_of_the_spec_only(
    registry: CollectorRegistry, tmp_path: Path
) -> None:
    watch = Watch(logged(tmp_path), version="7", registry=registry)
    with watch.inference(batch=2) as inference:
        inference.predicted({"dep_hour": np.int64(7), "carrier": None, "name": "Ada"}, "late", np.float32(0.5), id=1)
        inference.predicted({"dep_hour": float("nan")}, timestamp="2013-06-30T12:00:00Z")
    flush_all()
    first, second = written(tmp_path)
    assert abs(first.pop("timestamp") - time.time()) < 60
    assert first == {
        "model": "flight-delay", "features": {"dep_hour": 7, "carrier": None}, "prediction": "late", "confidence": 0.5,
        "id": 1,
    }  # fmt: skip
    assert second == {
        "model": "flight-delay", "features": {"dep_hour": None}, "timestamp": "2013-06-30T12:00:00Z",
    }  # fmt: skip
    assert (
        registry.get_sample_value("model_prediction_confidence_ratio_count", {"model": "flight-delay", "version": "7"})
        == 1
    )


def test_nothing_is_written_unless_the_spec_has_the_section(registry: CollectorRegistry, tmp_path: Path) -> None:
    spec = dataclasses.replace(logged(tmp_path), logging=Logging("info", Decimal(1), (), ("carrier",), ()))
    watch = Watch(spec, version="7", registry=registry)
    with watch.inference() as inference:
        inference.predicted({"carrier": "UA"}, "late")
    flush_all()
    assert list(tmp_path.iterdir()) == []


def test_a_share_of_the_rows_is_written_where_the_spec_says_so(registry: CollectorRegistry, tmp_path: Path) -> None:
    watch = Watch(logged(tmp_path, "0.25"), version="7", registry=registry)
    with watch.inference() as inference:
        for _ in range(4000):
            inference.predicted({"dep_hour": 7})
    flush_all()
    assert 800 < len(written(tmp_path)) < 1200


class Unreadable(Mapping[str, object]):
    def __getitem__(self, name: str) -> object:
        raise RuntimeError("ada@example.com")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        return 1


def lines(registry: CollectorRegistry) -> tuple[float | None, float | None]:
    labels = {"model": "flight-delay", "kind": "prediction"}
    return (
        registry.get_sample_value("modelwatch_log_lines_total", {**labels, "outcome": "written"}),
        registry.get_sample_value("modelwatch_log_lines_total", {**labels, "outcome": "dropped"}),
    )


def test_rows_that_cannot_be_read_are_dropped_and_counted_and_raise_nothing(
    registry: CollectorRegistry, tmp_path: Path
) -> None:
    watch = Watch(logged(tmp_path), version="7", registry=registry)

    class Value:
        def __str__(self) -> str:
            raise RuntimeError("ada@example.com")

    with watch.inference() as inference:
        inference.predicted(Unreadable(), "late", confidence="high")
        inference.predicted({"carrier": Value()}, "late")
        inference.predicted({"carrier": "UA"}, "late")
    flush_all()
    assert [row["features"] for row in written(tmp_path)] == [{"carrier": "UA"}]
    assert lines(registry) == (1, 2)


def test_a_folder_that_cannot_be_written_costs_rows_that_are_counted_and_no_prediction(
    registry: CollectorRegistry, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    watch = Watch(logged(tmp_path / "file" / "rows"), version="7", registry=registry)
    for _ in range(3):
        with watch.inference() as inference:
            inference.predicted({"carrier": "UA"}, "late")
    flush_all()
    assert lines(registry) == (0, 3)


def test_a_full_queue_drops_what_comes_and_waits_for_nobody(
    registry: CollectorRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = threading.Event()

    class Slow(RotatedFiles):
        def write(self, lines: Any) -> int:
            hang.wait(20)
            return super().write(lines)

    counter = Metric("l", "l", ("model", "kind", "outcome"), registry=registry)
    files = Slow(tmp_path, "rows", file_bytes=10_000, total_bytes=100_000)
    rows = PredictionRows(logged(tmp_path), counter, files=files, limit=50)
    start = time.perf_counter()
    for _ in range(10_000):
        rows.put({"carrier": "UA"}, None, None, None, None)
    assert time.perf_counter() - start < 1
    hang.set()
    flush_all()
    kept = len(written(tmp_path))
    assert 50 <= kept <= 50 + 512
    labels = {"model": "flight-delay", "kind": "prediction", "outcome": "dropped"}
    assert registry.get_sample_value("l_total", labels) == 10_000 - kept


def test_files_stay_within_their_bounds_and_the_oldest_go_first(tmp_path: Path) -> None:
    files = RotatedFiles(tmp_path, "rows", file_bytes=1000, total_bytes=5000)
    other = RotatedFiles(tmp_path, "rows", file_bytes=1000, total_bytes=5000)
    assert other.write([b"idle\n"]) == 1
    idle = next(tmp_path.iterdir())
    (tmp_path / "notes.jsonl").write_text("not ours\n")
    for number in range(200):
        assert files.write([b"%098d\n" % number]) == 1
        sizes = [path.stat().st_size for path in tmp_path.glob("rows-*.jsonl")]
        assert max(sizes) <= 1000 and sum(sizes) <= 6000
    kept = [int(line) for path in sorted(tmp_path.glob("rows-*.jsonl")) if path != idle for line in path.open()]
    assert kept == list(range(kept[0], 200))
    assert len(kept) >= 30
    assert idle.read_text() == "idle\n", "a file that its writer still holds stays, old as it is"
    assert (tmp_path / "notes.jsonl").exists()


def test_a_file_that_somebody_removed_is_begun_anew(tmp_path: Path) -> None:
    files = RotatedFiles(tmp_path, "rows", file_bytes=1000, total_bytes=5000)
    files.write([b"1\n"])
    for path in tmp_path.iterdir():
        path.unlink()
    files.write([b"2\n"])
    (path,) = tmp_path.iterdir()
    assert path.read_text() == "2\n"


def test_a_write_that_the_disk_cuts_short_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = RotatedFiles(tmp_path, "rows", file_bytes=1000, total_bytes=5000)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, text: write(fd, text[:7]))
    assert files.write([b"one\n", b"two\n", b"three\n"]) == 1
    monkeypatch.undo()
    assert files.write([b"four\n"]) == 1
    (path,) = tmp_path.iterdir()
    assert path.read_text() == "one\nfour\n"


def test_lines_before_a_disk_that_fails_count_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = RotatedFiles(tmp_path, "rows", file_bytes=10, total_bytes=1000)
    write, calls = os.write, []

    def once(fd: int, text: bytes) -> int:
        calls.append(text)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(fd, text)

    monkeypatch.setattr(os, "write", once)
    assert files.write([b"one\n", b"two\n", b"three\n"]) == 2
    with pytest.raises(OSError, match="No space"):
        files.write([b"four\n"])


def test_a_forked_child_writes_to_a_file_of_its_own_and_not_what_its_parent_had_queued(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    counter = Metric("l", "l", ("model", "kind", "outcome"), registry=registry)
    rows = PredictionRows(logged(tmp_path), counter)
    rows.put({"carrier": "UA"}, 1.0, None, None, "before")
    flush_all()
    rows.put({"carrier": "UA"}, 1.0, None, None, "queued")

    def child() -> None:
        rows.put({"carrier": "UA"}, 1.0, None, None, "child")

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    flush_all()
    found = {tuple(json.loads(line)["id"] for line in path.open()) for path in tmp_path.iterdir()}
    assert found == {("before", "queued"), ("child",)}
