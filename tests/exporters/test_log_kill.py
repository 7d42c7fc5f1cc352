"""``kill -9`` at random moments while logs are written and rotated: what is counted is what stands in the files."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import specs

# What copies of copied.jsonl are called: some names sort before it, some behind it, some do not begin as it does.
COPIES = (
    "copied.jsonl.{}",
    "copied.{}.jsonl",
    "copied-202611{:02}.jsonl",
    "copied.copy{}.jsonl",
    "a{}.jsonl",
    "z{}.jsonl",
)
SERVE = Path(__file__).parent / "serve.py"
Counts = Counter[tuple[str, str]]


class Writer:
    """Writes the logs of a folder in odd pieces, and rotates them in every way that is followed.

    ``written`` are the rows that stand in them, or stood in one that was rotated away, by model and outcome.
    """

    def __init__(self, folder: Path, chances: random.Random) -> None:
        self.folder, self.chances = folder, chances
        self.written: Counts = Counter()
        self.rotations = Counter[str]()
        self._numbers = itertools.count()
        self._end = threading.Event()
        self._thread = threading.Thread()

    def start(self) -> None:
        self._end.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        if self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        ways = [self._rename, self._copy, self._job, *[self._write] * 30]
        while not self._end.is_set():
            self.chances.choice(ways)()
            time.sleep(self.chances.choice([0, 0.001, 0.02, 0.02]))

    def _rows(self, models: tuple[str, ...], most: int = 60) -> bytes:
        lines = []
        for _ in range(self.chances.randrange(1, most)):
            model, good = self.chances.choice(models), self.chances.random() < 0.9
            number = next(self._numbers)
            row = {"model": model, "id": number, "features": {"hour": number % 24 if good else "x", "carrier": "UA"}}
            lines.append(json.dumps(row) + "\n")
            self.written[model, "accepted" if good else "rejected"] += 1
        return "".join(lines).encode()

    def _append(self, path: Path, rows: bytes) -> None:
        with path.open("ab", buffering=0) as file:
            while rows:
                cut = self.chances.randrange(1, len(rows) + 1)
                file.write(rows[:cut])
                rows = rows[cut:]

    def _write(self) -> None:
        name, models = self.chances.choice(
            [("renamed", (specs.NAME,)), ("copied", (specs.NAME, specs.OTHER)), ("both", (specs.NAME, specs.OTHER))]
        )
        self._append(self.folder / f"{name}.jsonl", self._rows(models))

    def _rename(self) -> None:
        for name in ("renamed", "both"):
            path = self.folder / f"{name}.jsonl"
            with contextlib.suppress(FileNotFoundError), path.open("r+b", buffering=0) as writer:
                self.rotations["renamed"] += 1
                olds = [old for old in self.folder.glob(f"{name}.jsonl.*") if old.suffix != ".gz"]
                for old in sorted(olds, key=lambda old: -int(old.suffix[1:])):
                    old.rename(old.with_name(f"{name}.jsonl.{int(old.suffix[1:]) + 1}"))
                path.rename(path.with_name(f"{name}.jsonl.1"))
                writer.seek(0, os.SEEK_END)
                writer.write(self._rows((specs.NAME,), 5))  # it has not noticed yet

    def _copy(self) -> None:
        path = self.folder / "copied.jsonl"
        if path.exists():
            self.rotations["copied"] += 1
            number = self.rotations["copied"]
            shutil.copy(path, path.with_name(self.chances.choice(COPIES).format(number)))
            time.sleep(self.chances.choice([0, 0.01, 0.1]))
            os.truncate(path, 0)

    def _job(self) -> None:
        """A file that is written once."""
        self.rotations["jobs"] += 1
        self._append(self.folder / f"job-{self.rotations['jobs']}.jsonl", self._rows((specs.OTHER,)))

    def clear(self) -> None:
        """Pack, or remove, what was rotated away and has been read."""
        names = ["*.jsonl.[0-9]*", "job-*.jsonl", *(re.sub(r"\{.*\}", "[0-9]*", name) for name in COPIES[1:])]
        for path in [path for name in names for path in self.folder.glob(name)]:
            if self.chances.random() < 0.4 and path.suffix != ".gz":
                with gzip.open(f"{path}.gz", "wb") as packed:
                    packed.write(path.read_bytes())
            path.unlink()


class Sidecar:
    def __init__(self, state: Path, reference: Path, logs: Path) -> None:
        self.log = (state.parent / "sidecar.log").open("ab")
        arguments = [state, reference, "127.0.0.1:0", "often", logs / "*.jsonl*"]
        self.process = subprocess.Popen(
            [sys.executable, str(SERVE), *map(str, arguments)], stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        assert self.process.stdout is not None
        self.url = ""

    def ready(self) -> None:
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        while httpx2.get(f"{self.url}/readyz", timeout=60).status_code != 200:
            time.sleep(0.02)

    def counted(self) -> tuple[Counts, int]:
        """Rows by model and outcome, and what failed."""
        text = httpx2.get(f"{self.url}/metrics", timeout=60).text
        found = re.findall(r'^modelwatch_exporter_rows_total\{model="(.+)",outcome="(\w+)"\} (\S+)$', text, re.M)
        failed = re.findall(r"^modelwatch_exporter_state_failures_total\{.*\} (\S+)$", text, re.M)
        return Counter({(model, outcome): int(float(rows)) for model, outcome, rows in found}), sum(map(float, failed))

    def end(self, by: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(by)
        self.process.communicate(timeout=60)
        self.log.close()


@dataclass
class Figures:
    kills: int = 0
    compared: int = 0
    rows: int = 0
    rotations: str = ""


def _equal(sidecar: Sidecar, written: Counts) -> None:
    """All that is written is counted, and nothing twice, however long one waits."""
    patience = time.monotonic() + 60
    while (found := sidecar.counted())[0] != +written and time.monotonic() < patience:
        assert not found[0] - written, f"{found[0]} counted of {written}"
        time.sleep(0.05)
    time.sleep(0.5)
    assert sidecar.counted() == (+written, 0)


def _soak(tmp_path: Path, kills: int, seed: int) -> Figures:
    with contextlib.ExitStack() as ended:
        return _soaked(tmp_path, kills, seed, ended)


def _soaked(tmp_path: Path, kills: int, seed: int, ended: contextlib.ExitStack) -> Figures:
    """Whatever fails, what ``ended`` holds is ended."""
    reference = specs.write_reference(tmp_path / "reference.csv", 2000)
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    chances, figures = random.Random(seed), Figures()
    writer = Writer(logs, random.Random(seed + 1))
    ended.callback(writer.stop)

    def started() -> Sidecar:
        sidecar = Sidecar(state, reference, logs)
        ended.callback(sidecar.process.kill)
        return sidecar

    while figures.kills < kills:
        writer.start()
        for _ in range(3):
            sidecar = started()
            if chances.random() < 0.8:
                sidecar.ready()
            time.sleep(chances.uniform(0, 1.5))
            sidecar.end()
            figures.kills += 1
        if chances.random() < 0.5:
            writer.stop()
        sidecar = started()
        sidecar.ready()
        writer.stop()
        _equal(sidecar, writer.written)
        figures.compared += 1
        writer.clear()
        sidecar.end(chances.choice([signal.SIGKILL, signal.SIGTERM]))
    figures.rows, figures.rotations = sum(writer.written.values()), str(dict(writer.rotations))
    assert all(writer.rotations[way] for way in ("renamed", "copied", "jobs"))
    return figures


@pytest.mark.timeout(600)
def test_a_dozen_kills_count_every_row_of_the_logs_once(tmp_path: Path) -> None:
    _soak(tmp_path, 12, seed=int.from_bytes(os.urandom(4)))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_kills_count_every_row_of_the_logs_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = _soak(tmp_path, 200, seed=1)
    with capsys.disabled():
        print(f"\n{figures}")
