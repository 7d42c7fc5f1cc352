"""Rows of the usual model in every format, and what they count."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa
import specs

from modelwatch.exporters.counting import Counted
from modelwatch.exporters.ingest import ARROW, NDJSON, Table, decode
from modelwatch.exporters.ingest.table import REASONS
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.model import types as t

STREAM, FILE = ARROW


@cache
def sidecar() -> Sidecar:
    with tempfile.TemporaryDirectory() as folder:
        reference = specs.write_reference(Path(folder) / "reference.csv", 2000)
        found = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(reference)))))
        found.load()
    return found


def count(table: Table) -> Counted:
    return sidecar().ingest(specs.NAME, table)


def as_json(**columns: list[object]) -> Counted:
    """What the same columns count as JSON."""
    beside = {name: columns.pop(name) for name in ("prediction", "confidence") if name in columns}
    return count(decode(json.dumps({"columns": {"features": columns, **beside}}).encode()))


def arrow(table: pa.Table, file: bool = False, rows_each: int | None = None, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    opened = (pa.ipc.new_file if file else pa.ipc.new_stream)(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)
    )
    with opened as writer:
        writer.write_table(table, max_chunksize=rows_each)
    return bytes(sink.getvalue())


def in_every_format(rows: Sequence[dict[str, object]]) -> dict[str, tuple[bytes, str]]:
    """Bodies and content types; ``rows`` hold hour, distance, carrier, prediction, confidence, id and timestamp."""
    features = ("hour", "distance", "carrier")
    beside = ("prediction", "confidence", "id", "timestamp")
    documents = [
        {"features": {name: row[name] for name in features}, **{name: row[name] for name in beside}} for row in rows
    ]
    columns = {name: [row[name] for row in rows] for name in (*features, *beside)}
    as_columns = {
        "columns": {"features": {name: columns[name] for name in features}, **{name: columns[name] for name in beside}}
    }
    kinds = {
        name: pa.float64() if name in ("hour", "distance", "confidence", "timestamp") else pa.string()
        for name in columns
    }
    table = pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})
    coded = table.set_column(2, "carrier", table["carrier"].dictionary_encode())
    return {
        "rows": (json.dumps({"rows": documents}).encode(), "application/json"),
        "columns": (json.dumps(as_columns).encode(), "application/json; charset=utf-8"),
        "ndjson": (b"\n".join(json.dumps(row).encode() for row in documents) + b"\r\n\n", NDJSON[0]),
        "stream": (arrow(table), STREAM),
        "file": (arrow(table, file=True), FILE),
        "dictionary": (arrow(coded), STREAM),
        "batches": (arrow(coded, rows_each=3), STREAM),
        "batches in a file": (arrow(table, file=True, rows_each=2), FILE),
        "nothing said": (json.dumps(as_columns).encode(), ""),
    }


def sentences(counted: Counted) -> dict[int, str]:
    assert {found.reason for found in counted.errors.values()} <= set(REASONS)
    return {index: found.sentence for index, found in sorted(counted.errors.items())}
