"""A CSV or Parquet file as a stream of batches, for drafting a spec from it. Memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwatch.model.data_errors import data_error, no_csv

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536
# Bytes of CSV parsed at a time; a row must fit.
BLOCK_BYTES = 8 << 20

Progress = Callable[[float], None]


class InitError(Exception):
    """A spec cannot be drafted; the message says why, ``help`` how to mend it."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


class Table:
    """One data file. Raises InitError for whatever is wrong with it."""

    def __init__(self, path: Path) -> None:
        name = path.name.lower()
        self.path = path
        self.parquet = name.endswith((".parquet", ".pq"))
        if not self.parquet and not name.endswith((".csv", ".csv.gz")):
            help = "write it as CSV or Parquet, with a name that ends in .csv, .csv.gz, .parquet or .pq"
            raise InitError(f"{path} is neither CSV nor Parquet by its name", help)
        if path.is_dir():
            raise InitError(f"{path} is a folder", "name one file of it")
        with _told(path):
            # Python names the reason more plainly than pyarrow does.
            with path.open("rb") as file:
                other = no_csv(path, file.read(4)) if name.endswith(".csv") else None
            if other:
                raise InitError(*other)
            self.schema: pa.Schema = self._schema()
        self.names: tuple[str, ...] = tuple(self.schema.names)
        if not self.names:
            raise InitError(f"{path} has no columns", "a baseline has a column for every feature")
        if not self.parquet and len(self.names) == 1 and any(mark in self.names[0] for mark in ";\t|"):
            raise InitError(f"{path} is not separated by commas", "save it as CSV with commas, or as Parquet")

    def _schema(self) -> Any:
        from pyarrow import csv, parquet  # noqa: PLC0415 -- large; only init and profile read tables

        if self.parquet:
            return parquet.read_schema(self.path)
        with csv.open_csv(self.path) as reader:
            return reader.schema

    def batches(self, progress: Progress) -> Iterator[Any]:
        """Record batches: columns of a CSV as text, since a column's type is only known at its end."""
        with _told(self.path):
            yield from (self._parquet_batches if self.parquet else self._csv_batches)(progress)

    def _parquet_batches(self, progress: Progress) -> Iterator[Any]:
        from pyarrow import parquet  # noqa: PLC0415 -- see above

        with parquet.ParquetFile(self.path) as file:
            rows, done = max(file.metadata.num_rows, 1), 0
            for batch in file.iter_batches(BATCH_ROWS):
                done += batch.num_rows
                progress(done / rows)
                yield batch

    def _csv_batches(self, progress: Progress) -> Iterator[Any]:
        import pyarrow as pa  # noqa: PLC0415 -- see above
        from pyarrow import csv  # noqa: PLC0415 -- see above

        text = csv.ConvertOptions(column_types=dict.fromkeys(self.names, pa.string()), strings_can_be_null=True)
        size = max(self.path.stat().st_size, 1)
        with pa.OSFile(str(self.path)) as raw:
            stream = pa.CompressedInputStream(raw, "gzip") if self.path.name.lower().endswith(".gz") else raw
            options = csv.ReadOptions(block_size=BLOCK_BYTES)
            with csv.open_csv(stream, read_options=options, convert_options=text) as reader:
                for batch in reader:
                    progress(min(raw.tell() / size, 1.0))
                    yield batch


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turns what pyarrow and the file system raise into an InitError."""
    try:
        import pyarrow as pa  # noqa: PLC0415 -- see above
    except ImportError:
        raise InitError("reading tables needs pyarrow", "pip install 'modelwatch[exporter]'") from None
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InitError(*data_error(path, error)) from None
