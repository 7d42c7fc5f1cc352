"""Baselines: whether they are there, and hold every feature. Only names and types are read, never rows."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

from modelwatch.model import build, codes, suggest, words
from modelwatch.model.checks import profile
from modelwatch.model.checks.folder import Folder
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.profile_head import NoProfileError, lacking_parts, profile_features
from modelwatch.model.tree import Document

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".csv.gz")
_ARROW = (".arrow", ".feather")
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
        known = profile_features(path) if field == "profile" else None
        columns = table_columns(path) if known is None else tuple(known)
    except (OSError, UnreadableError, NoProfileError) as error:
        reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        make = (
            f"make it again with modelwatch profile {name} --data DATA"
            if field == "profile"
            else "baselines are CSV, Parquet or Arrow"
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
    if known is None:
        yield from _check_grouping(document, written, columns)
    else:
        yield from profile.check(document, written, known)
        yield from _check_parts(document, written, path)


def _check_grouping(document: Document, written: str, columns: tuple[str, ...]) -> Iterator[Diagnostic]:
    time, segment = document.text("baseline", "time"), document.text("baseline", "segment")
    if time is not None and time not in columns:
        guess = suggest.close(time, columns)
        help = f"did you mean '{words.short(guess)}'?" if guess else f"it has {_listed(columns)}"
        message = f"the baseline {words.short(written)} has no column '{words.short(time)}' to tell the time"
        yield document.diagnostic(codes.NOT_IN_BASELINE, document.span("baseline", "time"), message, help)
    categorical = tuple(
        document.text("features", index, "name") or ""
        for index in range(document.count("features"))
        if document.text("features", index, "type") == "categorical"
    )
    if segment is not None and segment not in categorical:
        guess = suggest.close(segment, categorical)
        help = f"did you mean '{words.short(guess)}'?" if guess else f"the spec has {_listed(categorical)}"
        message = f"'{words.short(segment)}' is no categorical feature, so there are no segments by it"
        yield document.diagnostic(codes.NOT_FOR_FEATURE, document.span("baseline", "segment"), message, help)


def _check_parts(document: Document, written: str, path: Path) -> Iterator[Diagnostic]:
    same = document.text("drift", "same")
    if same is None or same not in lacking_parts(path):
        return
    flag = "segment" if same == "segment" else "time"
    name = document.text("metadata", "name") or "MODEL"
    message = f"drift.same is {same}, and the profile {words.short(written)} has no {same}s"
    help = f"make it again with modelwatch profile {name} --data DATA --{flag} COLUMN"
    yield document.diagnostic(codes.NOT_THE_SAME, document.span("drift", "same"), message, help)


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


def table_columns(path: Path) -> tuple[str, ...]:
    """Names of a table's columns. Raises UnreadableError, OSError."""
    name = path.name.lower()
    if name.endswith(_PARQUET + _ARROW):
        return _arrow_columns(path, name.endswith(_ARROW))
    if not name.endswith(_CSV):
        known = ", ".join(_CSV + _PARQUET + _ARROW)
        raise UnreadableError(f"no CSV, Parquet or Arrow file by its name: use {known}")
    try:
        with (gzip.open if name.endswith(".gz") else open)(path, "rb") as file:
            head = file.read(_LONGEST_HEADER)
        return tuple(next(csv.reader(head.decode("utf-8-sig", "replace").splitlines()), ()))
    except (EOFError, gzip.BadGzipFile, csv.Error):
        raise UnreadableError("this is no CSV file") from None


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
