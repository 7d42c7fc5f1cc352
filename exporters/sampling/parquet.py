"""Kept rows as a table: one column for each feature, by its name, and one for each other field of a row.

A feature that is called like another field, such as ``id``, has the column ``feature.id``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from modelwatch.exporters.bins import category_text
from modelwatch.model import types as t

Record = Mapping[str, Any]

_TIME = pa.timestamp("us", tz="UTC")
_BEFORE = (("id", pa.string()), ("timestamp", _TIME), ("arrival", _TIME), ("model", pa.string()))
_AFTER = (
    ("confidence", pa.float64()),
    ("stratum", pa.string()),
    ("strata", pa.list_(pa.string())),
    ("probability", pa.float64()),
    ("weight", pa.float64()),
    ("drift", pa.string()),
    ("reference", pa.string()),
    ("lost", pa.int64()),
)
_TAKEN = frozenset(name for name, _ in (*_BEFORE, *_AFTER)) | {"prediction"}
_PREFIX = "feature."
ROWS_AT_ONCE = 10_000


def schema(model: t.Model) -> pa.Schema:
    """Of the features that ``model`` keeps."""
    hidden = model.sampling.exclude if model.sampling else ()
    features = [
        pa.field(_column(feature.name), pa.float64() if feature.type == "numeric" else pa.string())
        for feature in model.features
        if feature.name not in hidden
    ]
    answer = pa.field("prediction", pa.string() if model.task.type == "classification" else pa.float64())
    return pa.schema([*(pa.field(*field) for field in _BEFORE), *features, answer, *(pa.field(*f) for f in _AFTER)])


def _column(feature: str) -> str:
    return f"{_PREFIX}{feature}" if feature in _TAKEN or feature.startswith(_PREFIX) else feature


def _feature(column: str) -> str:
    return column.removeprefix(_PREFIX)


def table(records: Sequence[Record], wanted: pa.Schema) -> pa.Table:
    """``records`` in the columns of ``wanted``; a value of another type than its column's is missing."""
    arrays = [pa.array(list(_values(records, field)), field.type) for field in wanted]
    return pa.Table.from_arrays(arrays, schema=wanted)


def _values(records: Sequence[Record], field: pa.Field) -> Iterator[Any]:
    name = field.name
    plain: Callable[[Any], Any] = _number if field.type == pa.float64() else _text
    if name not in _TAKEN:
        yield from (plain(record["features"].get(_feature(name))) for record in records)
        return
    convert = _CONVERT.get(name, plain)
    for record in records:
        value = record.get(name)
        yield None if value is None else convert(value)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    try:
        return category_text(value)
    except (TypeError, ValueError):
        return None


def _moment(value: float) -> int:
    return round(value * 1e6)


_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "timestamp": _moment,
    "arrival": _moment,
    "drift": json.dumps,
    "strata": list,
    "lost": int,
}


def write(records: Iterable[Record], wanted: pa.Schema, path: Path) -> int:
    """Write a Parquet file; the number of its rows. Raises OSError and pyarrow's errors."""
    rows = 0
    with pq.ParquetWriter(path, wanted, compression="zstd") as writer:
        for block in _blocks(records):
            writer.write_table(table(block, wanted))
            rows += len(block)
    return rows


def _blocks(records: Iterable[Record]) -> Iterator[list[Record]]:
    block: list[Record] = []
    for record in records:
        block.append(record)
        if len(block) == ROWS_AT_ONCE:
            yield block
            block = []
    if block:
        yield block


def read(path: Path) -> Iterator[Record]:
    """The rows of a file as they were written. Raises OSError and pyarrow's errors."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE):
            for row in batch.to_pylist():
                record = {name: value for name, value in row.items() if name in _TAKEN}
                for name in ("timestamp", "arrival"):
                    record[name] = row[name].timestamp() if row[name] is not None else None
                record["drift"] = json.loads(row["drift"])
                record["features"] = {_feature(name): value for name, value in row.items() if name not in _TAKEN}
                yield record
