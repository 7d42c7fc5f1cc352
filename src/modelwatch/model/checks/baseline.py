"""Baselines: whether they are there, and hold every feature. Only names of columns are read, never rows."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from modelwatch.model import build, codes, suggest, words
from modelwatch.model.checks.folder import Folder
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".csv.gz")
# The header of a CSV file; without a limit a binary file would be read whole.
_LONGEST_HEADER = 1 << 20


class UnreadableError(Exception):
    """A baseline that is there and cannot be read; the message says why."""


def check(folder: Folder) -> Iterator[Diagnostic]:
    for document in folder.models:
        if document.find("baseline") is not None:
            yield from _check(document)


def _check(document: Document) -> Iterator[Diagnostic]:
    # The profile wins where both are given.
    field = "profile" if document.has("baseline", "profile") else "data"
    written = document.text("baseline", field)
    if written is None:
        return
    path, span = build.beside(Path(document.file), written), document.span("baseline", field)
    name = document.text("metadata", "name") or "MODEL"
    try:
        if not path.exists():
            yield _absent(document, field, written, name)
            return
        columns = profile_features(path) if field == "profile" else table_columns(path)
    except (OSError, UnreadableError) as error:
        reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        make = (
            f"make it again with modelwatch profile {name} --data DATA"
            if field == "profile"
            else "baselines are CSV or Parquet"
        )
        yield document.diagnostic(codes.BAD_BASELINE, span, f"{words.short(written)}: {reason}", make)
        return
    for index in range(document.count("features")):
        feature = document.text("features", index, "name")
        if feature is not None and feature not in columns:
            guess = suggest.close(feature, columns)
            help = f"did you mean '{words.short(guess)}'?" if guess else f"it has {_listed(columns)}"
            message = f"the baseline {words.short(written)} has no feature '{words.short(feature)}'"
            where = document.span("features", index, "name")
            yield document.diagnostic(codes.NOT_IN_BASELINE, where, message, help)


def _absent(document: Document, field: str, written: str, name: str) -> Diagnostic:
    message = f"the baseline {words.short(written)} is not there, so no drift can be told"
    help = "paths start from this file's folder"
    if field == "profile":
        help = f"make it with modelwatch profile {name} --data DATA; {help}"
    elif "demo" in Path(written).parts:
        help = "the first make up makes the demo's data"
    return document.diagnostic(codes.NO_BASELINE, document.span("baseline", field), message, help, "warning")


def _listed(columns: tuple[str, ...]) -> str:
    shown = ", ".join(words.short(column) for column in columns[:10])
    return shown + (f" and {len(columns) - 10} more" if len(columns) > 10 else "") if columns else "no columns"


def profile_features(path: Path) -> tuple[str, ...]:
    """Names of the features in a profile. Raises UnreadableError, OSError."""
    try:
        features = json.loads(path.read_bytes())["features"]
        return tuple(str(feature["name"]) for feature in features)
    except (ValueError, RecursionError, KeyError, TypeError):
        raise UnreadableError("this is no profile of modelwatch") from None


def table_columns(path: Path) -> tuple[str, ...]:
    """Names of a table's columns. Raises UnreadableError, OSError."""
    name = path.name.lower()
    if name.endswith(_PARQUET):
        return _parquet_columns(path)
    if not name.endswith(_CSV):
        raise UnreadableError("neither CSV nor Parquet by its name: use .csv, .csv.gz, .parquet or .pq")
    try:
        with (gzip.open if name.endswith(".gz") else open)(path, "rb") as file:
            head = file.read(_LONGEST_HEADER)
        return tuple(next(csv.reader(head.decode("utf-8-sig", "replace").splitlines()), ()))
    except (EOFError, gzip.BadGzipFile, csv.Error):
        raise UnreadableError("this is no CSV file") from None


def _parquet_columns(path: Path) -> tuple[str, ...]:
    try:
        import pyarrow as pa  # noqa: PLC0415 -- large, and most specs are checked without it
        import pyarrow.parquet as pq  # noqa: PLC0415 -- as above
    except ImportError:
        raise UnreadableError("reading Parquet needs modelwatch[exporter]") from None
    try:
        return tuple(pq.read_schema(path).names)
    except pa.ArrowException:
        raise UnreadableError("this is no Parquet file") from None
