"""Builds the reference profile of a model from files of any size, in one pass and in bounded memory."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelwatch.exporters.bins import category_text
from modelwatch.exporters.reading import DataFile, Progress
from modelwatch.exporters.reference import FORMAT, Profile, ProfileError, load_profile, profile_to_json
from modelwatch.exporters.subjects import Subject, subjects
from modelwatch.exporters.summary.column import Numbers, Texts
from modelwatch.exporters.summary.numeric import categorical_feature, numeric_feature
from modelwatch.model import types as t

__all__ = ["FORMAT", "Profile", "ProfileError", "build_profile", "load_profile", "profile_to_json"]


def _quiet(share: float) -> None:
    """Progress that nobody watches."""


def build_profile(model: t.Model, data: Path, progress: Progress | None = None) -> Profile:
    """The profile of ``model`` on ``data``: its features, and the columns ``prediction`` and ``confidence`` if present.

    ``progress`` gets the share done, 0 to 1. Raises ProfileError when the file cannot be read or lacks a feature.
    """
    watch = progress or _quiet
    file = DataFile(data)
    watched = [subject for subject in subjects(model) if subject.role == "feature" or subject.name in file.columns]
    _check_columns(model, watched, file)
    numeric = {subject.name: subject.numeric for subject in watched}
    columns: dict[str, Numbers | Texts] = {
        subject.name: Numbers() if subject.numeric else Texts() for subject in watched
    }
    rows = 0
    for batch in file.batches(numeric, watch):
        rows += batch.num_rows
        for subject in watched:
            column, found = columns[subject.name], batch.column(subject.name)
            if isinstance(column, Numbers):
                column.add(_numbers(found, subject, data))
            else:
                column.add(*_texts(found, subject, data))
    if not rows:
        raise ProfileError(f"{data}: has no rows, so there is nothing to compare with")
    watch(1.0)
    features = []
    for subject in watched:
        column = columns[subject.name]
        features.append(
            numeric_feature(subject.name, column)
            if isinstance(column, Numbers)
            else categorical_feature(subject.name, column, subject.feature.max_categories)
        )
    return Profile(model.name, rows, tuple(features))


def _check_columns(model: t.Model, watched: list[Subject], file: DataFile) -> None:
    for subject in watched:
        if file.columns.count(subject.name) > 1:
            raise ProfileError(f"{file.path}: has the column {subject.name!r} more than once; rename one")
    lacking = [subject.name for subject in watched if subject.name not in file.columns]
    if not lacking:
        return
    hints = []
    for name in lacking:
        near = difflib.get_close_matches(name, file.columns, n=2, cutoff=0.6)
        hints.append(repr(name) + (f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""))
    columns = ", ".join(file.columns[:20]) + (", ..." if len(file.columns) > 20 else "")
    raise ProfileError(
        f"{file.path}: has no column for {', '.join(hints)} of model {model.name}; its columns are {columns}. "
        "Rename the feature in the spec or the column in the data"
    )


def _numbers(column: Any, subject: Subject, data: Path) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    ):
        raise ProfileError(
            f"{data}: the column {subject.name!r} holds {kind}, a numeric {subject.role} needs numbers; "
            "declare it categorical, or convert the column"
        )
    return pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _texts(column: Any, subject: Subject, data: Path) -> tuple[list[str | None], Any]:
    """The distinct texts of a column and the place of each row's among them; -1 where there is none."""
    if pa.types.is_nested(column.type):
        raise ProfileError(
            f"{data}: the column {subject.name!r} holds {column.type}; a categorical {subject.role} needs texts"
        )
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    values = column.dictionary.to_pylist()
    texts = [category_text(v if isinstance(v, str | bool | int | float | None) else str(v)) for v in values]
    return texts, column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
