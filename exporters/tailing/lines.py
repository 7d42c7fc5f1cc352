"""Lines of a prediction log as tables by model: the document of a row, and ``model`` beside its features."""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.exporters.ingest.json_rows import Rows
from modelwatch.exporters.ingest.ndjson import parsed_lines
from modelwatch.exporters.ingest.table import Table


@dataclass(frozen=True, slots=True)
class Batch:
    """``tables`` by model; ``nameless`` lines are no JSON, or name no model."""

    tables: dict[str, Table]
    nameless: int


def read_lines(text: bytes) -> Batch:
    """``text`` are whole lines, of at most as many rows as a table may have."""
    rows, _ = parsed_lines([line for line in text.split(b"\n") if line.strip()])
    by_model: dict[str, list[object]] = {}
    nameless = 0
    for row in rows:
        model = row.get("model") if isinstance(row, dict) else None
        if isinstance(model, str):
            by_model.setdefault(model, []).append(row)
        else:
            nameless += 1
    return Batch({model: Rows(found) for model, found in by_model.items()}, nameless)
