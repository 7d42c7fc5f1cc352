"""CSV, Parquet and Arrow files as a stream of record batches of the wanted columns."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from modelwatch.exporters.csv_errors import csv_error
from modelwatch.exporters.reference import ProfileError

BATCH_ROWS = 8192
# Bytes of CSV parsed at a time: bounds memory, and holds a whole row of even very wide data.
BLOCK_BYTES = 1 << 20
# Bytes of each column of a Parquet file that are read at a time, instead of the whole of its row group.
BUFFER_BYTES = 1 << 16

PARQUET = (".parquet", ".pq")
CSV = (".csv", ".csv.gz")
ARROW = (".arrow", ".feather")
_IPC_FILE = b"ARROW1"

Progress = Callable[[float], None]


class _Format(Protocol):
    def columns(self) -> list[str]:
        """Names of the columns, in order."""

    def batches(self, numeric: Mapping[str, bool], progress: Progress) -> Iterator[Any]:
        """Record batches; ``progress`` gets the share of the file that has been read."""


class DataFile:
    """One data file. Raises ProfileError at once for what cannot be read."""

    def __init__(self, path: Path, called: Mapping[str, str] | None = None) -> None:
        """``called`` gives names to columns of the file: ``{"prediction": "decision"}``."""
        self.path = path
        self._format = _format(path)
        self._called = called or {}
        with _told(path):
            # Python names the reason more plainly than pyarrow does.
            path.open("rb").close()
            found = self._format.columns()
        for name, column in self._called.items():
            if found.count(column) != 1:
                what = "more than one column" if column in found else "no column"
                near = difflib.get_close_matches(column, found, n=1)
                help = f"did you mean {near[0]!r}?" if near and column not in found else _listed(found)
                raise ProfileError(f"{path}: has {what} {column!r} to take the {name} from; {help}")
        self.columns = [*(name for name in found if name not in self._called), *self._called]

    def batches(self, numeric: Mapping[str, bool], progress: Progress) -> Iterator[Any]:
        """Record batches with the columns of ``numeric``, a CSV's as float64 where True and as text where False.

        ``progress`` gets the share of the file that has been read.
        """
        sources = {name: self._called.get(name, name) for name in numeric}
        with _told(self.path):
            for read in self._format.batches({sources[name]: kind for name, kind in numeric.items()}, progress):
                batch = read
                if self._called:
                    arrays = [read.column(source) for source in sources.values()]
                    batch = pa.RecordBatch.from_arrays(arrays, names=list(sources))
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS)


def _listed(columns: list[str]) -> str:
    return "its columns are " + ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")


def _format(path: Path) -> _Format:
    name = path.name.lower()
    if name.endswith(PARQUET):
        return _Parquet(path)
    if name.endswith(CSV):
        return _Csv(path)
    if name.endswith(ARROW):
        return _Arrow(path)
    raise ProfileError(f"{path}: is no CSV, Parquet or Arrow file by its name; use {', '.join(CSV + PARQUET + ARROW)}")


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._path = path

    def columns(self) -> list[str]:
        with pa.parquet.ParquetFile(self._path) as file:
            return list(file.schema_arrow.names)

    def batches(self, numeric: Mapping[str, bool], progress: Progress) -> Iterator[Any]:
        with pa.parquet.ParquetFile(self._path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            rows, done = max(file.metadata.num_rows, 1), 0
            # One thread: reading runs beside the counting anyhow, and each thread holds decoded pages of its own.
            for batch in file.iter_batches(BATCH_ROWS, columns=list(numeric), use_threads=False):
                done += batch.num_rows
                progress(done / rows)
                yield batch


class _Csv:
    def __init__(self, path: Path) -> None:
        self._path = path

    def columns(self) -> list[str]:
        with pa.csv.open_csv(self._path) as reader:
            return list(reader.schema.names)

    def batches(self, numeric: Mapping[str, bool], progress: Progress) -> Iterator[Any]:
        types = {name: pa.float64() if wanted else pa.string() for name, wanted in numeric.items()}
        convert = pa.csv.ConvertOptions(column_types=types, include_columns=list(types), strings_can_be_null=True)
        size = max(self._path.stat().st_size, 1)
        with pa.OSFile(str(self._path)) as raw:
            packed = self._path.name.lower().endswith(".gz")
            stream = pa.CompressedInputStream(raw, "gzip") if packed else raw
            read = pa.csv.ReadOptions(block_size=BLOCK_BYTES)
            with pa.csv.open_csv(stream, read_options=read, convert_options=convert) as reader:
                for batch in reader:
                    progress(min(raw.tell() / size, 1.0))
                    yield batch


class _Arrow:
    """Arrow IPC, as a file (which is Feather, version 2) or as a stream."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def columns(self) -> list[str]:
        with self._reader(None) as (reader, _):
            return list(reader.schema.names)

    @contextlib.contextmanager
    def _reader(self, places: list[int] | None) -> Iterator[tuple[Any, Any]]:
        # Mapped and not read: a file may be one batch that is larger than memory.
        with pa.memory_map(str(self._path)) as source:
            is_file = source.read(len(_IPC_FILE)) == _IPC_FILE
            source.seek(0)
            options = pa.ipc.IpcReadOptions(included_fields=places)
            with (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source, options=options) as reader:
                yield reader, source

    def batches(self, numeric: Mapping[str, bool], progress: Progress) -> Iterator[Any]:
        columns = self.columns()
        size = max(self._path.stat().st_size, 1)
        with self._reader([columns.index(name) for name in numeric]) as (reader, source):
            if isinstance(reader, pa.ipc.RecordBatchFileReader):
                for number in range(reader.num_record_batches):
                    progress(number / reader.num_record_batches)
                    yield reader.get_batch(number)
            else:
                for batch in reader:
                    progress(min(source.tell() / size, 1.0))
                    yield batch


class _told:  # noqa: N801  # reads as a verb where it is used: with _told(path)
    """Turns what pyarrow and the file system raise into one ProfileError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, pa.ArrowException):
            reason = (str(error).splitlines() or ["it is damaged"])[0]
            known = csv_error(self._path, reason) if self._path.name.lower().endswith(CSV) else None
            if known is not None:
                raise ProfileError(f"{self._path}: {known}") from None
            raise ProfileError(f"{self._path}: cannot be read as data: {reason}") from None
        if isinstance(error, OSError):
            raise ProfileError(f"{self._path}: cannot be read ({(error.strerror or str(error)).lower()})") from None
