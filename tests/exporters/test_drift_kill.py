"""``kill -9`` at random moments under load: what was acknowledged is there, what was not is there once or not at all."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest
import specs

SERVE = Path(__file__).parent / "serve.py"
PATH = f"/v1/models/{specs.NAME}/predictions"
CLIENTS = 3


def _body(seed: int, good: int, bad: int) -> bytes:
    wrong: list[dict[str, object]] = [{"features": {"hour": "seven"}}] * bad
    return json.dumps({"rows": [*specs.rows(seed, good), *wrong]}).encode()


_chances = random.Random(7)
SIZES = [(good, _chances.randrange(3)) for good in (1, 1, 2, 5, 20, 100, 400)]
BODIES = [(size, _body(seed, *size)) for seed, size in enumerate(SIZES)]


class Sidecar:
    def __init__(self, state: Path, reference: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVE), str(state), str(reference), "127.0.0.1:0", "often"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ready(self) -> int:
        """The port, once rows are taken."""
        while self.get(self.port, "/readyz")[0] != 200:
            time.sleep(0.02)
        return self.port

    @cached_property
    def port(self) -> int:
        """As the process has said it, which it does once."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline().rsplit(":", 1)[1])

    @staticmethod
    def get(port: int, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        found = answer.status, answer.read().decode()
        connection.close()
        return found

    def end(self, with_: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(with_)
        self.process.communicate(timeout=60)


@dataclass
class Client:
    """Posts one request after the other until the sidecar is gone."""

    port: int
    chances: random.Random
    acknowledged: list[int] = field(default_factory=lambda: [0, 0])
    pending: tuple[int, int] | None = None
    posts: int = 0
    problem: str | None = None

    def run(self, end: threading.Event) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            while not end.is_set():
                (good, bad), body = self.chances.choice(BODIES)
                self.pending = (good, bad)
                connection.request("POST", PATH, body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                found = json.loads(answer.read())
                if answer.status != 200 or (found["accepted"], found["rejected"]) != (good, bad):
                    self.problem = f"{answer.status}: {found}"
                    return
                self.acknowledged[0] += good
                self.acknowledged[1] += bad
                self.posts += 1
                self.pending = None
        except (OSError, http.client.HTTPException):
            pass  # killed: what is pending was sent, and nobody knows more
        finally:
            connection.close()


@dataclass
class Figures:
    began: float = field(default_factory=time.monotonic, repr=False)
    kills: int = 0
    clean: int = 0
    posts: int = 0
    acknowledged: int = 0
    pending: int = 0
    pending_counted: int = 0


def _numbers(port: int) -> dict[str, int]:
    """Rows by outcome, values of one feature by all of its bins, and the rows in each window."""
    text = Sidecar.get(port, "/metrics")[1]
    found = {"values": 0}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if outcome := re.match(r'modelwatch_exporter_rows_total\{.*outcome="(\w+)"', name):
            found[outcome[1]] = int(float(value))
        elif re.match(r'model_feature_values_total\{.*feature="hour"', name):
            found["values"] += int(float(value))
        elif window := re.match(r'model_drift_samples\{feature="hour".*window="(\w+)"', name):
            found[window[1]] = int(float(value))
        elif operation := re.match(r'modelwatch_exporter_state_failures_total\{operation="(\w+)"', name):
            found[f"{operation[1]} failures"] = int(float(value))
    return found


def _one_life(
    sidecar: Sidecar,
    start: Callable[[], Sidecar],
    chances: random.Random,
    counted: tuple[int, int],
    figures: Figures,
) -> tuple[Sidecar, tuple[int, int]]:
    """Load, kill, start: the next one, and what it counts, after that was compared with what was acknowledged."""
    port = sidecar.ready()
    end = threading.Event()
    clients = [Client(port, random.Random(chances.random())) for _ in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, args=(end,)) for client in clients]
    for thread in threads:
        thread.start()
    time.sleep(chances.uniform(0, 1.0))
    clean = chances.random() < 0.2
    if clean:
        end.set()
        for thread in threads:
            thread.join()
    sidecar.end(chances.choice([signal.SIGKILL, signal.SIGTERM]) if clean else signal.SIGKILL)
    for thread in threads:
        thread.join()
    figures.kills += 1
    figures.clean += clean
    assert [client.problem for client in clients if client.problem] == []
    figures.posts += sum(client.posts for client in clients)

    if chances.random() < 0.15:
        # In the middle of a start, too.
        early = start()
        time.sleep(chances.uniform(0, 1.5))
        early.end()
        figures.kills += 1
    again = start()
    found = _numbers(again.ready())
    acknowledged = tuple(counted[k] + sum(client.acknowledged[k] for client in clients) for k in range(2))
    pending = [client.pending for client in clients if client.pending is not None]
    assert not (clean and pending)
    after = (found["accepted"], found["rejected"])
    # Each request that was not answered is there as a whole or not at all.
    some = itertools.chain.from_iterable(itertools.combinations(pending, size) for size in range(len(pending) + 1))
    possible = {
        (acknowledged[0] + sum(good for good, _ in chosen), acknowledged[1] + sum(bad for _, bad in chosen)): len(
            chosen
        )
        for chosen in some
    }
    assert after in possible, f"acknowledged {acknowledged}, pending {pending}, counted {after}"
    # All parts of a request count together, in counters and in windows.
    assert found["values"] == found["1h"] == after[0]
    if time.monotonic() - figures.began < 800:
        assert found["15m"] == after[0]
    assert (found["load failures"], found["save failures"]) == (0, 0)
    figures.acknowledged = acknowledged[0]
    figures.pending += len(pending)
    figures.pending_counted += possible[after]
    return again, after


def _soak(tmp_path: Path, kills: int, seed: int) -> Figures:
    reference = specs.write_reference(tmp_path / "reference.csv", 2000)
    chances, counted, figures = random.Random(seed), (0, 0), Figures()
    with contextlib.ExitStack() as ended:

        def start() -> Sidecar:
            found = Sidecar(tmp_path / "state", reference)
            ended.callback(found.process.kill)
            return found

        sidecar = start()
        while figures.kills < kills:
            sidecar, counted = _one_life(sidecar, start, chances, counted, figures)
        sidecar.end(signal.SIGTERM)
    assert figures.posts > kills
    return figures


@pytest.mark.timeout(600)
def test_a_dozen_kills_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    _soak(tmp_path, 12, seed=int.from_bytes(os.urandom(4)))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_kills_lose_nothing_and_count_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = _soak(tmp_path, 200, seed=1)
    with capsys.disabled():
        print(f"\n{figures}")
