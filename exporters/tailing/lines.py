"""Lines of a prediction log as rows by model: the document of a row, and ``model`` beside its features."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal

from modelwatch.exporters.ingest.json_rows import Rows
from modelwatch.exporters.ingest.ndjson import parsed_lines
from modelwatch.exporters.ingest.table import Table


@dataclass(slots=True)
class Read:
    """Rows of one model, and the offsets where each begins and ends."""

    rows: list[object] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def first(self, offset: int) -> int:
        """The place of the first row that ends behind ``offset``."""
        return bisect_right(self.ends, offset)

    def after(self, offset: int) -> Table:
        """The rows that end behind ``offset``."""
        return Rows(self.rows[self.first(offset) :])


@dataclass(slots=True)
class Nameless:
    """How many lines, where the first one begins, and why it is none of any model."""

    lines: int
    start: int
    why: str


@dataclass(frozen=True, slots=True)
class Batch:
    models: dict[str, Read]
    nameless: dict[Literal["not_json", "no_model"], Nameless]


def read_lines(text: bytes, start: int) -> Batch:
    """``text`` are whole lines from the offset ``start`` on, of at most as many rows as a table may have."""
    lines, starts, ends = [], [], []
    end, last = start, start + len(text)
    for line in text.split(b"\n"):
        end += len(line) + 1
        if line.strip():
            lines.append(line)
            starts.append(end - len(line) - 1)
            ends.append(min(end, last))  # the very last line of a file may lack the line feed
    found = Batch({}, {})
    rows, bad = parsed_lines(lines)
    for index, (row, begin, end) in enumerate(zip(rows, starts, ends, strict=True)):
        model = row.get("model") if isinstance(row, dict) else None
        if isinstance(model, str):
            read = found.models.setdefault(model, Read())
            read.rows.append(row)
            read.starts.append(begin)
            read.ends.append(end)
            continue
        reason: Literal["not_json", "no_model"] = "not_json" if index in bad else "no_model"
        if reason in found.nameless:
            found.nameless[reason].lines += 1
        else:
            found.nameless[reason] = Nameless(1, begin, bad[index].sentence if index in bad else _why(row))
    return found


def _why(row: object) -> str:
    if not isinstance(row, dict):
        return 'the line is no object: it is to be {"model": "...", "features": {...}}'
    return '"model" is to be the name of a model' if "model" in row else 'the row has no "model"'
