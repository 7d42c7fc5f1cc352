"""The demo as processes: start, readiness, replay, and an end on request."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo import artifacts
from demo.dataset import Dataset

REPOSITORY = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Demo:
    """``data`` holds models trained on a few flights."""

    data: Path
    port: int

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        environ = {
            **os.environ,
            "MODELWATCH_PORT_DEMO": str(self.port),
            "MODELWATCH_EXPORTER_URL": "http://127.0.0.1:1",
            "MODELWATCH_LOG_FILES": str(self.data / "log"),
            "OTEL_TRACES_EXPORTER": "none",
            **variables,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "demo", *arguments],
            cwd=REPOSITORY,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def get(self, path: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except OSError:
            return 0, None
        finally:
            connection.close()

    def ready(self, running: subprocess.Popen[str]) -> None:
        while self.get("/readyz")[0] != 200:
            assert running.poll() is None, running.communicate()[0]
            time.sleep(0.1)


@pytest.fixture(scope="module")
def folder(few: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("artifacts")
    artifacts.ensure(made, lambda _: None, lambda: few)
    return made


@pytest.fixture
def demo(folder: Path) -> Demo:
    return Demo(folder, free_port())


@pytest.fixture
def serving(demo: Demo) -> Iterator[subprocess.Popen[str]]:
    running = demo.start("serve", "--data", str(demo.data))
    yield running
    if running.poll() is None:
        running.kill()
    running.communicate()


def test_a_day_is_replayed_against_the_service_with_all_its_labels(demo: Demo, serving: subprocess.Popen[str]) -> None:
    replay = demo.start("replay", "--from", "2013-12-31", "--once", "--speed", "8000")
    out, _ = replay.communicate()
    assert replay.returncode == 0, out
    assert "ended:" in out.splitlines()[-1]
    progress = demo.get("/progress")[1]
    assert progress["simulated"].startswith("2013-12-31")
    assert progress["ranking"]["day"] == "2013-12-31"
    assert progress["replay"]["state"] == "ended"
    model = progress["models"]["flight-delay"]
    assert model["predictions"] > 500
    # On a busy machine the replay may drop rows rather than fall behind; only those lack a label.
    assert model["labelled"] + progress["replay"]["dropped"] >= model["predictions"]
    assert model["recent_accuracy"] > 0.7
    serving.send_signal(signal.SIGTERM)
    assert serving.wait() in (0, -signal.SIGTERM)
    assert serving.stdout is not None
    said = serving.stdout.read()
    # What people read has no line of each flight or inference; the JSON lines have both.
    assert len(said.splitlines()) < 100 and ": ready" in said, said
    lines = [json.loads(line) for file in (demo.data / "log").iterdir() for line in file.read_text().splitlines()]
    late = [line for line in lines if line["body"] == "expected to arrive late"]
    kept = {line["trace_id"] for line in lines if line.get("event_name") == "inference"}
    assert late and all(set(line["attributes"]) == {"carrier", "origin"} for line in late)
    assert kept and all(len(line["trace_id"]) == 32 for line in late)


def test_a_stopped_replay_says_how_far_it_came(demo: Demo, serving: subprocess.Popen[str]) -> None:
    demo.ready(serving)
    replay = demo.start("replay", MODELWATCH_DEMO_SPEED="3000")
    assert replay.stdout is not None
    assert "at 3000 times real time" in replay.stdout.readline()
    replay.send_signal(signal.SIGTERM)
    out, _ = replay.communicate()
    assert replay.returncode == 0
    assert out.splitlines()[-1].startswith("stopped: ")


def test_a_port_that_is_taken_is_one_line_with_what_to_do(demo: Demo) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", demo.port))
        other.listen()
        running = demo.start("serve", "--data", str(demo.data))
        out, _ = running.communicate()
    assert running.returncode == 2
    assert out.splitlines() == [
        f"demo: cannot listen on 127.0.0.1:{demo.port} (Address already in use): "
        "stop what is there or set MODELWATCH_PORT_DEMO"
    ]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"MODELWATCH_DEMO_SPEED": "fast"}, "MODELWATCH_DEMO_SPEED='fast' is no number"),
        ({"MODELWATCH_DEMO_SPEED": "0"}, "a speed of 0 cannot be kept"),
        ({"MODELWATCH_PORT_DEMO": "x"}, "MODELWATCH_PORT_DEMO='x' is no port"),
    ],
)
def test_a_variable_that_cannot_be_is_told(demo: Demo, variables: dict[str, str], message: str) -> None:
    running = demo.start("replay", **variables)
    out, _ = running.communicate()
    assert running.returncode == 2
    assert message in out
    assert len(out.splitlines()) == 1


def test_both_parts_run_and_end_together(demo: Demo) -> None:
    running = demo.start("all", "--data", str(demo.data))
    try:
        demo.ready(running)
        while demo.get("/progress")[1]["replay"] is None:
            assert running.poll() is None
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate()
        assert running.returncode == 0, out
        assert demo.get("/healthz")[0] == 0
    finally:
        if running.poll() is None:
            running.kill()
            running.communicate()
