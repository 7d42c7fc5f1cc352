"""A tailer over a folder of logs, and a book that counts what it reads: shared by the tests of this folder."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from modelwatch.exporters.ingest import Rejection, Table
from modelwatch.exporters.ledger import Mark
from modelwatch.exporters.tailing import positions
from modelwatch.exporters.tailing.tailer import LaterError, Tailer


class Book:
    """Counts rows by their id, as the sidecar would, which outlives kills; ``later`` models are not ready."""

    def __init__(self) -> None:
        self.ids: Counter[object] = Counter()
        self.models: Counter[str] = Counter()
        self.rejected = 0
        self.later: set[str] = set()
        self.marks: dict[tuple[str, int], Mark] = {}
        self.flushes = True
        self.dies_in = -1
        self.failures: list[str] = []

    def mark(self, model: str, file: int) -> Mark | None:
        if model in self.later:
            raise LaterError("loading")
        if model.startswith("unknown"):
            raise KeyError(model)
        return self.marks.get((model, file))

    def flush(self) -> bool:
        return self.flushes

    def failed(self, operation: str, path: Path, reason: str) -> None:
        self.failures.append(f"{operation} {path.name}: {reason}")

    def count(self, model: str, table: Table, mark: Mark) -> dict[int, Rejection]:
        self.dies_in -= 1
        if self.dies_in == 0:
            raise Killed
        before = self.marks.get((model, mark.file))
        assert before is None or before.offset < mark.offset
        self.marks[model, mark.file] = mark
        rejected = table.rejected({"x": True})
        self.rejected += len(rejected)
        self.ids.update(table.ids() or [])
        self.models[model] += table.rows
        self.dies_in -= 1
        if self.dies_in == 0:
            raise Killed
        return rejected


class Killed(BaseException):
    """The process is no more; what it had written is there."""


class Turned:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def line(id: object, model: str = "m") -> str:
    return json.dumps({"model": model, "id": id, "features": {"x": 1}}) + "\n"


def lines(*ids: object) -> str:
    return "".join(map(line, ids))


def tailer(tmp_path: Path, book: Book, clock: Turned, pattern: str = "", boot: str | None = None) -> Tailer:
    return Tailer([pattern or str(tmp_path)], book, tmp_path / "offsets.json", clock, boot)


def drained(found: Tailer) -> None:
    while found.poll():
        pass


def kept_positions(tmp_path: Path) -> list[positions.Position]:
    return positions.load(tmp_path / "offsets.json").files


def once(*ids: object) -> Counter[object]:
    return Counter(dict.fromkeys(ids, 1))


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


COPIES = ("app.jsonl.1", "app.1.jsonl", "app-20261125.jsonl", "app.copy.jsonl", "a.jsonl", "z.jsonl", "az.jsonl")
