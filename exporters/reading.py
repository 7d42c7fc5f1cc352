"""CSV and Parquet files as a stream of record batches of the wanted columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from modelwatch.exporters.reference import ProfileError

BATCH_ROWS = 65_536
# Bytes of CSV parsed at a time: bounds memory, and holds a whole row of even very wide data.
BLOCK_BYTES = 8 << 20

Progress = Callable[[float], None]


class DataFile:
    """One data file, read as often as needed. Raises ProfileError at once for what cannot be read."""

    def __init__(self, path: Path) -> None:
        name = path.name.lower()
        self.path = path
        self._parquet = name.endswith((".parquet", ".pq"))
        if not self._parquet and not name.endswith((".csv", ".csv.gz")):
            raise ProfileError(f"{path}: is neither CSV nor Parquet by its name; use .csv, .csv.gz, .parquet or .pq")
        with _told(path):
            # Python names the reason more plainly than pyarrow does.
            path.open("rb").close()
            self.columns: list[str] = list(self._schema_names())

    def _schema_names(self) -> list[str]:
        if self._parquet:
            with pa.parquet.ParquetFile(self.path) as file:
                return list(file.schema_arrow.names)
        with pa.csv.open_csv(self.path) as reader:
            return list(reader.schema.names)

    def batches(self, numeric: Mapping[str, bool], progress: Progress) -> Iterator[Any]:
        """Record batches with the columns of ``numeric``, a CSV's as float64 where True and as text where False.

        ``progress`` gets the share of the file that has been read.
        """
        with _told(self.path):
            yield from (self._parquet_batches if self._parquet else self._csv_batches)(numeric, progress)

    def _parquet_batches(self, numeric: Mapping[str, bool], progress: Progress) -> Iterator[Any]:
        with pa.parquet.ParquetFile(self.path) as file:
            rows, done = max(file.metadata.num_rows, 1), 0
            for batch in file.iter_batches(BATCH_ROWS, columns=list(numeric)):
                done += batch.num_rows
                progress(done / rows)
                yield batch

    def _csv_batches(self, numeric: Mapping[str, bool], progress: Progress) -> Iterator[Any]:
        types = {name: pa.float64() if wanted else pa.string() for name, wanted in numeric.items()}
        convert = pa.csv.ConvertOptions(column_types=types, include_columns=list(types), strings_can_be_null=True)
        size = max(self.path.stat().st_size, 1)
        with pa.OSFile(str(self.path)) as raw:
            packed = self.path.name.lower().endswith(".gz")
            stream = pa.CompressedInputStream(raw, "gzip") if packed else raw
            read = pa.csv.ReadOptions(block_size=BLOCK_BYTES)
            with pa.csv.open_csv(stream, read_options=read, convert_options=convert) as reader:
                for batch in reader:
                    progress(min(raw.tell() / size, 1.0))
                    yield batch


class _told:  # noqa: N801  # reads as a verb where it is used: with _told(path)
    """Turns what pyarrow and the file system raise into one ProfileError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, pa.ArrowException):
            reason = str(error).splitlines()[0]
            raise ProfileError(f"{self._path}: cannot be read as data: {reason}") from None
        if isinstance(error, OSError):
            raise ProfileError(f"{self._path}: cannot be read ({(error.strerror or str(error)).lower()})") from None
