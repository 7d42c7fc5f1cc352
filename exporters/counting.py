"""Rows against a spec: which are accepted, and how many values fall into which bin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins, Codes, NumericBins, category_text
from modelwatch.exporters.ingest.table import Table, shown
from modelwatch.exporters.layout import Layout, Watched
from modelwatch.exporters.statistics.method import Counts

# A row that does not say what the model answered is no row of the distribution of answers.
_SKIPPED = -1


@dataclass(frozen=True, slots=True)
class Counted:
    """``counts`` over the layout's vector, of the accepted rows alone; ``errors`` is the reason by rejected row."""

    counts: Counts
    accepted: int
    errors: dict[int, str]


def count(layout: Layout, table: Table) -> Counted:
    """Count every row that agrees with the spec. A row with any wrong value counts nowhere."""
    errors = table.rejected(layout.names)
    coded = [(watched, *_coded(watched, table, errors)) for watched in layout.watched]
    counts = np.zeros(layout.width, dtype=np.int64)
    accepted = table.rows - len(errors)
    if not accepted:
        return Counted(counts, 0, errors)
    keep = np.ones(table.rows, dtype=bool)
    keep[list(errors)] = False
    for watched, codes, outside in coded:
        kept = codes[keep & (codes != _SKIPPED)] if errors or watched.subject.role != "feature" else codes
        watched.counts(counts)[:] = np.bincount(kept, minlength=watched.size)
        if outside is not None:
            counts[watched.outside] = np.count_nonzero(outside & keep)
    return Counted(counts, accepted, errors)


def _coded(watched: Watched, table: Table, errors: dict[int, str]) -> tuple[Codes, NDArray[np.bool_] | None]:
    """Bin of each row's value, and whether it is out of range; notes what is no value of the feature."""
    values = table.column(watched.subject.role, watched.name)
    if values is None:
        values = [None] * table.rows
    outside = None
    if watched.subject.numeric:
        numbers = _numbers(watched.name, values, errors)
        if watched.subject.feature.range is not None:
            low, high = map(float, watched.subject.feature.range)
            # NaN compares as False on both sides.
            outside = (numbers < low) | (numbers > high)
        codes = watched.bins.codes(numbers) if isinstance(watched.bins, NumericBins) else _present(np.isfinite(numbers))
    else:
        codes = _categories(watched, values, errors)
    if watched.subject.role != "feature":
        codes = np.where(codes == watched.size - 1, _SKIPPED, codes)
    return codes, outside


def _present(here: NDArray[np.bool_]) -> Codes:
    """Codes of a feature without a reference: 0 for present, 1 for missing."""
    return np.where(here, 0, 1)


def _numbers(name: str, values: Sequence[object], errors: dict[int, str]) -> NDArray[np.float64]:
    """Values as float64, shape (n,), NaN for what is missing: null, NaN, and infinity with what is too large."""
    if set(map(type, values)) <= {float, int}:
        try:
            numbers = np.array(values, dtype=np.float64)
        except OverflowError:
            pass  # A whole number of hundreds of digits: each is looked at below.
        else:
            return np.where(np.isfinite(numbers), numbers, np.nan)
    return np.array([_number(name, index, value, errors) for index, value in enumerate(values)], dtype=np.float64)


def _number(name: str, index: int, value: object, errors: dict[int, str]) -> float:
    if value is None:
        return math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            return math.nan
        return number if math.isfinite(number) else math.nan
    errors.setdefault(index, f"{name!r} must be a number, found {shown(value)}")
    return math.nan


def _categories(watched: Watched, values: Sequence[object], errors: dict[int, str]) -> Codes:
    bins = watched.bins
    if set(map(type, values)) <= {str, type(None)}:
        texts: Sequence[object] = values
    else:
        texts = [_text(watched.name, index, value, errors) for index, value in enumerate(values)]
    if isinstance(bins, CategoricalBins):
        lookup, unknown = bins.lookup, bins.unknown
        return np.array([lookup.get(text, unknown) for text in texts], dtype=np.int64)  # type: ignore[call-overload]  # texts are str or None by now
    return _present(np.array([bool(text) for text in texts], dtype=bool))


def _text(name: str, index: int, value: object, errors: dict[int, str]) -> str | None:
    try:
        return category_text(value)
    except TypeError:
        errors.setdefault(index, f"{name!r} must be a text, a number or a boolean, found {shown(value)}")
    except ValueError:
        errors.setdefault(index, f"{name!r} must be a category, found a number of too many digits")
    return None
