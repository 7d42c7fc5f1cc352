"""A real Prometheus over stored samples, and generated recording rules evaluated in it at times of one's choice."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwatch.alert_rules.rules import Recording
from modelwatch.telemetry import records as r
from modelwatch.telemetry.promql import quote

Found = dict[tuple[str, ...], float]
STEP = 60


def line(name: str, labels: Mapping[str, str], value: object, at: float) -> str:
    return f"{name}{{{','.join(f'{k}={quote(v)}' for k, v in labels.items())}}} {value} {at:.0f}\n"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one evaluation: series written, samples read, seconds of CPU (with those of asking and answering)."""

    series: int
    samples: int
    seconds: float


_Series = tuple[dict[str, str], list[tuple[float, str]]]


class Recorder:
    """A real Prometheus over a folder, into which what rules give can be written."""

    def __init__(self, server: Path, tool: Path, folder: Path, end: int) -> None:
        """``end`` is the time of the last evaluation."""
        self._server, self._tool, self._folder, self.end = server, tool, folder, end
        (folder / "prometheus.yaml").write_text("global: {}\n", "utf-8")

    def store(self, lines: Iterable[str], *flags: str) -> None:
        """``flags`` are promtool's."""
        text = self._folder / "data.txt"
        text.write_text("".join([*lines, "# EOF\n"]), "utf-8")
        command = [self._tool, "tsdb", "create-blocks-from", *flags, "openmetrics", text, self._folder / "data"]
        subprocess.run(command, check=True, capture_output=True, timeout=240)

    def record(
        self, rules: Sequence[Recording], over_time: Iterable[str] = (), start: int = 0, times: int = 1
    ) -> list[Cost]:
        """Evaluates them in their order, each with what it reads in storage, and stores what they give.

        At the end; those that record ``over_time`` each minute from ``start`` on. Costs are the mean of ``times``.
        """
        left, costs = [*rules], []
        while left:
            # As many as do not read one another.
            ready: list[Recording] = []
            while left and not any(earlier.record in left[0].expr for earlier in ready):
                ready.append(left.pop(0))
            with self._running() as base:
                found = []
                for rule in ready:
                    first = start if rule.record in over_time else self.end
                    before = _cpu_seconds(base)
                    asked = [_ask(base, rule.expr, first, self.end) for _ in range(times)]
                    answer, samples = asked[0]
                    found.append((rule, answer))
                    costs.append(Cost(len(answer), samples, (_cpu_seconds(base) - before) / times))
            self.store(
                line(rule.record, {**labels, **rule.labels}, value, at)
                for rule, answer in found
                for labels, values in answer
                for at, value in values
            )
        return costs

    def read(self, *records: r.Record) -> list[Found]:
        """Values at the end, by the labels of each record in their order without the model."""
        with self._running() as base:
            return [
                {
                    tuple(labels[label] for label in record.labels[1:]): float(values[-1][1])
                    for labels, values in _ask(base, record.name, self.end, self.end)[0]
                }
                for record in records
            ]

    @contextmanager
    def _running(self) -> Iterator[str]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        log = self._folder / "out.log"
        command = [
            self._server,
            f"--config.file={self._folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        base = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 60
            while not _answers(f"{base}/-/ready"):
                assert time.monotonic() < deadline and process.poll() is None, log.read_text("utf-8")
                time.sleep(0.1)
            yield base
        finally:
            process.terminate()
            process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _ask(base: str, expr: str, start: int, end: int) -> tuple[list[_Series], int]:
    """What an expression gives, and how many samples it read."""
    data = urllib.parse.urlencode({"query": expr, "start": start, "end": end, "step": STEP, "stats": "all"}).encode()
    with urllib.request.urlopen(f"{base}/api/v1/query_range", data=data, timeout=120) as answer:
        found: dict[str, Any] = json.load(answer)["data"]
    told = [({k: v for k, v in one["metric"].items() if k != "__name__"}, one["values"]) for one in found["result"]]
    return told, found["stats"]["samples"]["totalQueryableSamples"]


def _cpu_seconds(base: str) -> float:
    with urllib.request.urlopen(f"{base}/metrics", timeout=30) as answer:
        (told,) = (
            text for text in answer.read().decode().splitlines() if text.startswith("process_cpu_seconds_total ")
        )
    return float(told.split()[1])
