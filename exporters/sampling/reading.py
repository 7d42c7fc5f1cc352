"""Reads what was kept of a model, oldest first, while the sidecar goes on writing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from modelwatch.exporters.sampling.names import KeptFile, kept_files
from modelwatch.model import types as t

Record = Mapping[str, Any]
DEFAULT_FOLDER = "sampling"


class KeptError(Exception):
    """Kept rows that cannot be read. The message says where, why and how to mend it."""


def folder_of(model: t.Model, state: Path | None) -> Path | None:
    """Where the rows of ``model`` are kept; None where neither its spec nor ``state`` says."""
    name = quote(model.name, safe="")
    if model.sampling is not None and model.sampling.folder is not None:
        return Path(model.sampling.folder) / name
    return None if state is None else state / DEFAULT_FOLDER / name


def records(folder: Path) -> Iterator[Record]:
    """Every row in ``folder``. Raises KeptError."""
    try:
        files = kept_files(folder)
    except OSError as error:
        raise KeptError(f"{folder}: cannot be read ({(error.strerror or str(error)).lower()})") from None
    # A file that was just being closed has two names; its rows are the same.
    finished = {file.stem for file in files if not file.open}
    for file in files:
        if not (file.open and file.stem in finished):
            yield from _rows(file)


def _rows(file: KeptFile) -> Iterator[Record]:
    try:
        if file.kind == ".parquet":
            # pyarrow is 60 MiB resident and slow to import.
            from modelwatch.exporters.sampling import parquet  # noqa: PLC0415

            yield from parquet.read(file.path)
        else:
            yield from lines(file.path)
    except FileNotFoundError:
        return  # It was the oldest, and went, or it was closed meanwhile and has another name.
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeptError(f"{file.path}: cannot be read ({error}); move it away to read the others") from None


def lines(path: Path) -> Iterator[Record]:
    """Every whole line of a file; a last one that is torn, or just being written, is left out."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield orjson.loads(line)
