"""A real Collector or Jaeger on ports of the system's choice, with the config that the generator makes for them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modelwatch.model.addresses import DEFAULT_PORTS, Addresses
from modelwatch.model.types import Destination, Fleet
from modelwatch.model.units import Duration
from modelwatch.otel.collector import generate
from tests.collector.telemetry import Service

PATIENCE = 30


@dataclass
class Running:
    """A started program and what it wrote."""

    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, number: int = signal.SIGTERM) -> str:
        """End it and return its log."""
        if self.process.poll() is None:
            # The Collector says that it is ready a moment before it listens to signals: one in between just ends it.
            if number == signal.SIGTERM:
                time.sleep(1)
            self.process.send_signal(number)
            self.process.wait(timeout=PATIENCE)
        return self.log.read_text("utf-8")


def until(check: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """The first true answer of ``check``; fails with ``what`` if there is none in time."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.1)
    pytest.fail(f"waited {patience} s in vain for {what}")


def fetch(url: str, accept: str = "*/*") -> str:
    """A page, or nothing while nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@pytest.fixture
def waiting() -> Callable[[Callable[[], Any], str], Any]:
    return until


@pytest.fixture
def page() -> Callable[..., str]:
    return fetch


def free_addresses() -> Addresses:
    """Every part on a free port of the loopback."""
    with ExitStack() as stack:
        sockets = {part: stack.enter_context(socket.socket()) for part in DEFAULT_PORTS}
        for listener in sockets.values():
            listener.bind(("127.0.0.1", 0))
        found = {part: f"127.0.0.1:{listener.getsockname()[1]}" for part, listener in sockets.items()}
    return Addresses(internal=found, public=found)


@pytest.fixture
def addresses() -> Addresses:
    return free_addresses()


@pytest.fixture
def moved(fleet: Fleet, addresses: Addresses) -> Fleet:
    """The sample fleet on those ports; kept traces go to a file, and metrics are written each second."""
    stack = replace(
        fleet.stack,
        scrape_interval=Duration.parse("1s"),
        traces=(Destination("kept", "file", "traces.jsonl"),),
    )
    return replace(fleet, stack=stack, addresses=addresses)


@pytest.fixture
def service(moved: Fleet) -> Iterator[Service]:
    made = Service(moved)
    yield made
    made.provider.shutdown()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """``run(program, *arguments)``; whatever still runs at the end is ended."""
    started: list[Running] = []

    def start(program: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Running:
        log = tmp_path / f"{program.name}-{len(started)}.log"
        with log.open("wb") as out:
            environ = {**os.environ, "MODELWATCH_COLLECTOR_STATE": str(tmp_path / "state"), **(env or {})}
            process = subprocess.Popen([program, *arguments], stdout=out, stderr=out, env=environ)
        started.append(Running(process, log))
        return started[-1]

    yield start
    for running in started:
        running.stop(signal.SIGKILL)


@pytest.fixture
def collector(part: Any, run: Callable[..., Running], tmp_path: Path) -> Callable[..., Running]:
    """``collector(fleet)`` runs the generated config and returns when it is ready; decisions take half a second."""

    def start(fleet: Fleet, *arguments: str, env: Mapping[str, str] | None = None) -> Running:
        config = tmp_path / "collector.yaml"
        config.write_text(generate(fleet)["otel/collector.yaml"], "utf-8")
        wait = ("--set=processors.tail_sampling.decision_wait=500ms",) if fleet.stack.traces else ()
        running = run(part("otelcol-modelwatch"), "--config", str(config), *wait, *arguments, env=env)
        health = f"http://{fleet.addresses.internal['collector_health']}"
        until(lambda: running.process.poll() is not None or fetch(health), "the Collector")
        if running.process.poll() is not None:
            pytest.fail(running.stop())
        return running

    return start


@pytest.fixture
def traced(moved: Fleet) -> Fleet:
    """Kept traces go to the stack's own Jaeger, by its documented address."""
    models = tuple(replace(model, tracing=replace(model.tracing, sample=Decimal(0))) for model in moved.models)
    stack = replace(moved.stack, traces=(Destination("jaeger", "jaeger", "127.0.0.1:4319"),))
    return replace(moved, models=models, stack=stack)


@pytest.fixture
def jaeger(part: Any, run: Any, tmp_path: Path, page: Callable[..., str], waiting: Any) -> Callable[[Fleet], Any]:
    def start(fleet: Fleet) -> Any:
        config = tmp_path / "jaeger.yaml"
        config.write_text(generate(fleet)["otel/jaeger.yaml"], "utf-8")
        running = run(part("jaeger"), "--config", str(config))
        waiting(lambda: page(f"http://{fleet.addresses.internal['jaeger']}/api/v3/services"), "Jaeger")
        return running

    return start
