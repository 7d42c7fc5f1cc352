"""Builds the reference profile of a model from a CSV or Parquet file of any size, in bounded memory.

The file is read twice. The first reading summarises each column in fixed memory (``sketch``) and so finds its bins; the
second counts the rows in these bins with the code that counts the rows of production. The counts are thus exact always.
The edges are exact quantiles up to 262,144 values and within the profile's ``rank_error`` beyond (0.0004 of the rows at
100 million). A numeric feature takes about 4 MB while this runs, a categorical one at most 50,000 texts.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelwatch.exporters.bins import CategoricalBins, NumericBins, category_text
from modelwatch.exporters.reading import DataFile, Progress
from modelwatch.exporters.reference import FORMAT, FeatureProfile, Profile, ProfileError, load_profile, profile_to_json
from modelwatch.exporters.sketch import Frequent, QuantileSketch
from modelwatch.exporters.statistics.method import Counts
from modelwatch.exporters.subjects import Subject, subjects
from modelwatch.model import types as t

__all__ = ["FORMAT", "Profile", "ProfileError", "build_profile", "load_profile", "profile_to_json"]

NUMERIC_BINS = 10
# Names of rare categories that a profile keeps so as to tell them from new ones.
MOST_OTHERS = 10_000


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

    sketches: dict[str, QuantileSketch | Frequent] = {
        subject.name: QuantileSketch() if subject.numeric else Frequent() for subject in watched
    }
    rows = 0
    for batch in file.batches(numeric, lambda share: watch(share / 2)):
        rows += batch.num_rows
        for subject in watched:
            _summarise(sketches[subject.name], batch.column(subject.name), subject, data)
    if not rows:
        raise ProfileError(f"{data}: has no rows, so there is nothing to compare with")

    bins = {subject.name: _bins(sketches[subject.name], subject.feature.max_categories) for subject in watched}
    counts = {name: np.zeros(len(found.labels), dtype=np.int64) for name, found in bins.items()}
    for batch in file.batches(numeric, lambda share: watch(0.5 + share / 2)):
        for subject in watched:
            counts[subject.name] += _counted(bins[subject.name], batch.column(subject.name), subject, data)
    watch(1.0)
    features = [_feature(name, sketches[name], bins[name], counts[name]) for name in numeric]
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


def _summarise(sketch: QuantileSketch | Frequent, column: Any, subject: Subject, data: Path) -> None:
    if isinstance(sketch, QuantileSketch):
        values = _numbers(column, subject, data)
        sketch.add(values[np.isfinite(values)])
        return
    texts, indices = _texts(column, subject, data)
    found = np.bincount(indices[indices >= 0], minlength=len(texts))
    sketch.add((text, int(count)) for text, count in zip(texts, found, strict=True) if text is not None and count)


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


def _bins(sketch: QuantileSketch | Frequent, max_categories: int) -> NumericBins | CategoricalBins:
    if isinstance(sketch, Frequent):
        texts = sketch.top()
        others = texts[max_categories:]
        complete = sketch.complete and len(others) <= MOST_OTHERS
        return CategoricalBins(tuple(texts[:max_categories]), tuple(sorted(others[:MOST_OTHERS])), complete)
    found = sketch.quantiles([i / NUMERIC_BINS for i in range(1, NUMERIC_BINS)])
    edges = tuple(sorted({edge for edge in found if np.isfinite(edge)}))
    # Ties at the very lowest value: without a bin below it, smaller values would pass for it.
    return NumericBins(edges, underflow=bool(edges) and edges[0] == sketch.minimum)


def _counted(bins: NumericBins | CategoricalBins, column: Any, subject: Subject, data: Path) -> Counts:
    if isinstance(bins, NumericBins):
        codes = bins.codes(_numbers(column, subject, data))
    else:
        texts, indices = _texts(column, subject, data)
        places = [bins.lookup.get(text, bins.unknown) for text in texts]
        codes = np.array([*places, bins.missing], dtype=np.int64)[indices]
    return np.bincount(codes, minlength=len(bins.labels))


def _feature(
    name: str, sketch: QuantileSketch | Frequent, bins: NumericBins | CategoricalBins, counts: Counts
) -> FeatureProfile:
    if isinstance(sketch, Frequent) or isinstance(bins, CategoricalBins):
        return FeatureProfile(name, bins, tuple(map(int, counts)))
    bins, counts = _without_empty(bins, counts)
    low, high = (sketch.minimum, sketch.maximum) if sketch.count else (None, None)
    return FeatureProfile(name, bins, tuple(map(int, counts)), low, high, sketch.rank_error)


def _without_empty(bins: NumericBins, counts: Counts) -> tuple[NumericBins, Counts]:
    """Joins a bin that no row falls into with the next: quantiles interpolated between ties leave such gaps."""
    first = int(bins.underflow)
    gaps = [i for i in range(len(bins.edges)) if counts[first + i] == 0]
    if not gaps:
        return bins, counts
    edges = tuple(edge for i, edge in enumerate(bins.edges) if i not in gaps)
    return NumericBins(edges, bins.underflow), np.delete(counts, [first + i for i in gaps])
