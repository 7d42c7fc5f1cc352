"""Baselines: whether they are there, and hold every feature. Of rows only the first times are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelwatch.model import build, codes, suggest, words
from modelwatch.model.checks import profile
from modelwatch.model.checks.folder import Folder
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.profile_head import (
    LEAST_REFERENCE,
    NoProfileError,
    is_edited,
    lacking_parts,
    profile_features,
    profile_rows,
)
from modelwatch.model.table_head import UnreadableError, first_values, table_columns
from modelwatch.model.times import no_time
from modelwatch.model.tree import Document


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
        if field == "profile" and is_edited(path):
            raise NoProfileError("its content does not match its sha256: the file was edited or cut short")
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
            if field == "profile":
                # As likely as a slip: the feature came in after the profile had been made.
                help += f"{' else' if guess else ';'} make it again with modelwatch profile {name} --data DATA"
            message = f"the baseline {words.short(written)} has no feature '{words.short(feature)}'"
            where = document.span("features", index, "name")
            yield document.diagnostic(codes.NOT_IN_BASELINE, where, message, help)
    if known is None:
        yield from _check_grouping(document, written, columns, path)
    else:
        yield from profile.check(document, written, known)
        yield from _check_parts(document, written, path)
        yield from _check_rows(document, written, path)


def _check_grouping(document: Document, written: str, columns: tuple[str, ...], path: Path) -> Iterator[Diagnostic]:
    time, segment = document.text("baseline", "time"), document.text("baseline", "segment")
    if time is not None and time not in columns:
        guess = suggest.close(time, columns)
        help = f"did you mean '{words.short(guess)}'?" if guess else f"it has {_listed(columns)}"
        message = f"the baseline {words.short(written)} has no column '{words.short(time)}' to tell the time"
        yield document.diagnostic(codes.NOT_IN_BASELINE, document.span("baseline", "time"), message, help)
    elif time is not None:
        yield from _check_times(document, written, time, path)
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


def _check_times(document: Document, written: str, time: str, path: Path) -> Iterator[Diagnostic]:
    try:
        wrong = no_time(first_values(path, time))
    except (OSError, UnreadableError):
        # Its head could be read: what is damaged further on is told when the profile is made.
        return
    if wrong is not None:
        message = (
            f"the column '{words.short(time)}' of the baseline {words.short(written)} holds no times, such as {wrong}"
        )
        help = "name a column of timestamps, dates, texts such as 2024-05-31T14:00:00Z, or (milli)seconds since 1970"
        yield document.diagnostic(codes.NO_TIMES, document.span("baseline", "time"), message, help)


def _check_parts(document: Document, written: str, path: Path) -> Iterator[Diagnostic]:
    same = document.text("drift", "same")
    if same is None or same not in lacking_parts(path):
        return
    flag = "segment" if same == "segment" else "time"
    name = document.text("metadata", "name") or "MODEL"
    message = f"drift.same is {same}, and the profile {words.short(written)} has no {same}s"
    help = f"make it again with modelwatch profile {name} --data DATA --{flag} COLUMN"
    yield document.diagnostic(codes.NOT_THE_SAME, document.span("drift", "same"), message, help)


def _check_rows(document: Document, written: str, path: Path) -> Iterator[Diagnostic]:
    rows = profile_rows(path)
    if rows is None or rows >= LEAST_REFERENCE:
        return
    name = document.text("metadata", "name") or "MODEL"
    message = (
        f"the profile {words.short(written)} was made of {rows} row{'s' * (rows != 1)}, and scores need "
        f"{LEAST_REFERENCE} in the reference: no drift can be told"
    )
    help = f"make it again of more rows with modelwatch profile {name} --data DATA"
    yield document.diagnostic(codes.FEW_ROWS, document.span("baseline", "profile"), message, help, "warning")


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
