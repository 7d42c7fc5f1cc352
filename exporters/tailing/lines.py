"""Lines of a prediction log as rows by model: the document of a row, and ``model`` beside its features."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from modelwatch.exporters.ingest.json_rows import Rows
from modelwatch.exporters.ingest.ndjson import parsed_lines
from modelwatch.exporters.ingest.table import Table


@dataclass(slots=True)
class Read:
    """Rows of one model, and the offset behind each."""

    rows: list[object] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def after(self, offset: int) -> Table:
        """The rows that end behind ``offset``."""
        return Rows(self.rows[bisect_right(self.ends, offset) :])


@dataclass(frozen=True, slots=True)
class Batch:
    """``nameless`` lines are no JSON, or name no model; ``first`` says where the first one begins, and why."""

    models: dict[str, Read]
    nameless: int
    first: tuple[int, str] | None


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
    models: dict[str, Read] = {}
    nameless: list[int] = []
    rows, bad = parsed_lines(lines)
    for index, (row, end) in enumerate(zip(rows, ends, strict=True)):
        model = row.get("model") if isinstance(row, dict) else None
        if isinstance(model, str):
            read = models.setdefault(model, Read())
            read.rows.append(row)
            read.ends.append(end)
        else:
            nameless.append(index)
    if not nameless:
        return Batch(models, 0, None)
    index = nameless[0]
    why = bad[index].sentence if index in bad else _why(rows[index])
    return Batch(models, len(nameless), (starts[index], why))


def _why(row: object) -> str:
    if not isinstance(row, dict):
        return 'the line is no object: it is to be {"model": "...", "features": {...}}'
    return '"model" is to be the name of a model' if "model" in row else 'the row has no "model"'
