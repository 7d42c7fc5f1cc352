"""The beginning of a data file: the names of its columns, and the first values of one. Never more than that."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from pathlib import Path
from typing import Any

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".csv.gz")
_ARROW = (".arrow", ".feather")
# The header of a CSV file; without a limit a binary file would be read whole.
_LONGEST_HEADER = 1 << 20
FIRST_ROWS = 100
# What the profile takes for a missing value in a CSV file, in small letters.
_MISSING = frozenset(("", "na", "n/a", "nan", "-nan", "null", "#n/a", "#na", "#n/a n/a"))


class UnreadableError(Exception):
    """A file that is there and cannot be read; the message says why."""


def table_columns(path: Path) -> tuple[str, ...]:
    """Names of a table's columns. Raises UnreadableError, OSError."""
    name = path.name.lower()
    if name.endswith(_PARQUET + _ARROW):
        return _arrow_columns(path, name.endswith(_ARROW))
    if not name.endswith(_CSV):
        known = ", ".join(_CSV + _PARQUET + _ARROW)
        raise UnreadableError(f"no CSV, Parquet or Arrow file by its name: use {known}")
    try:
        return tuple(next(csv.reader(_head(path)[0]), ()))
    except (EOFError, gzip.BadGzipFile, csv.Error):
        raise UnreadableError("this is no CSV file") from None


def first_values(path: Path, column: str) -> list[Any]:
    """The first values of a column that the file has; None is missing. A CSV's are texts.

    Nothing where the file itself says that they are dates or timestamps. Raises UnreadableError, OSError.
    """
    if path.name.lower().endswith(_PARQUET + _ARROW):
        return _arrow_values(path, column)
    try:
        lines, whole = _head(path)
        rows = csv.reader(lines)
        at = next(rows, []).index(column)
        # The last row of what was read may be only the beginning of one.
        read = list(itertools.islice(rows, FIRST_ROWS + 1))
        full = read[:FIRST_ROWS] if whole or len(read) > FIRST_ROWS else read[:-1]
    except (EOFError, gzip.BadGzipFile, csv.Error, ValueError):
        raise UnreadableError("this is no CSV file") from None
    return [None if row[at].lower() in _MISSING else row[at] for row in full if len(row) > at]


def _head(path: Path) -> tuple[io.StringIO, bool]:
    """The beginning of a CSV file, and whether that is all of it."""
    with (gzip.open if path.name.lower().endswith(".gz") else open)(path, "rb") as file:
        head = file.read(_LONGEST_HEADER)
    return io.StringIO(head.decode("utf-8-sig", "replace"), newline=""), len(head) < _LONGEST_HEADER


def _arrow_columns(path: Path, ipc: bool) -> tuple[str, ...]:
    """Columns of a Parquet file, or of Arrow IPC as a file or a stream."""
    try:
        import pyarrow as pa  # noqa: PLC0415 -- large, and most specs are checked without it
        import pyarrow.parquet as pq  # noqa: PLC0415 -- as above
    except ImportError:
        raise UnreadableError("reading Parquet or Arrow needs modelwatch[exporter]") from None
    try:
        if not ipc:
            return tuple(pq.read_schema(path).names)
        with pa.OSFile(str(path)) as source:
            is_file = source.read(6) == b"ARROW1"
            source.seek(0)
            return tuple((pa.ipc.open_file if is_file else pa.ipc.open_stream)(source).schema.names)
    except pa.ArrowException:
        raise UnreadableError(f"this is no {'Arrow' if ipc else 'Parquet'} file") from None


def _arrow_values(path: Path, column: str) -> list[Any]:
    """Raises UnreadableError, OSError."""
    try:
        import pyarrow as pa  # noqa: PLC0415 -- as above
        import pyarrow.parquet as pq  # noqa: PLC0415 -- as above
    except ImportError:
        raise UnreadableError("reading Parquet or Arrow needs modelwatch[exporter]") from None
    try:
        if path.name.lower().endswith(_PARQUET):
            # By pages and not by column chunks, which may be large.
            with pq.ParquetFile(path, buffer_size=1 << 16, pre_buffer=False) as parquet:
                batch = next(parquet.iter_batches(FIRST_ROWS, columns=[column], use_threads=False), None)
        else:
            with pa.memory_map(str(path)) as source:
                is_file = source.read(6) == b"ARROW1"
                source.seek(0)
                reader = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source)
                batch = _first_batch(reader, is_file)
        if batch is None:
            return []
        values = batch.column(column)[:FIRST_ROWS]
        told = pa.types.is_timestamp(values.type) or pa.types.is_date(values.type)
        return [] if told else list(values.to_pylist())
    except (pa.ArrowException, KeyError):
        raise UnreadableError("its first rows cannot be read") from None


def _first_batch(reader: Any, is_file: bool) -> Any:
    if is_file:
        return reader.get_batch(0) if reader.num_record_batches else None
    return next(iter(reader), None)
