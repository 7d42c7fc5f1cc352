"""Names every wrong value of the rows that are told; the others are only counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from modelwatch.exporters.bins import CategoricalBins
from modelwatch.exporters.ingest.columns import Column, Mask, Numbers, Texts
from modelwatch.exporters.ingest.table import TOLD_ROWS, Reason, Rejection, untold
from modelwatch.exporters.subjects import CONFIDENCE, PREDICTION

# Shares that a softmax of float32 adds up to are a little off.
_ROUNDING = 1e-6
_SOME = 10


class Wrong(NamedTuple):
    """Values of ``name`` that are not what it ``must`` be. ``column`` is as it came, ``rows`` tells which are wrong."""

    name: str
    must: str
    reason: Reason
    column: Column
    rows: Mask


def of_type(name: str, numeric: bool, column: Column, read: Numbers | Texts) -> Wrong | None:
    """Values that are not what the type of a feature says."""
    must = "a number" if numeric else "a text, a number or a boolean"
    return None if read.mismatched is None else Wrong(name, must, "wrong_type", column, read.mismatched)


def of_class(column: Column, texts: Texts, classes: Sequence[str]) -> Wrong | None:
    """Answers that are none of the task's classes; no answer is none that is wrong."""
    known = _known(tuple(classes))
    strange = np.array([*(text not in known for text in texts.distinct), False])
    if not strange.any():
        return None
    rows = strange[texts.codes]
    some = ", ".join(classes[:_SOME]) + (f" and {len(classes) - _SOME} more" if len(classes) > _SOME else "")
    must = f"one of the task's classes ({some})"
    return Wrong(PREDICTION, must, "unknown_class", column, rows) if rows.any() else None


@lru_cache(maxsize=1000)
def _known(classes: tuple[str, ...]) -> frozenset[str | None]:
    """As the reference reads categories: true is True, and 3 is 3.0."""
    return frozenset(CategoricalBins(classes).lookup)


def of_confidence(column: Column, numbers: Numbers) -> Wrong | None:
    """Confidences that are no share."""
    # NaN, which is missing, compares as False.
    rows = (numbers.values < np.float64(-_ROUNDING)) | (numbers.values > np.float64(1 + _ROUNDING))
    return Wrong(CONFIDENCE, "from 0 to 1", "bad_confidence", column, rows) if rows.any() else None


def add_wrong(errors: dict[int, Rejection], found: Iterable[Wrong]) -> None:
    """Add to ``errors`` the rows that hold a wrong value: the first one's reason counts, all are told."""
    wrongs = list(found)
    if not wrongs:
        return
    rows = np.flatnonzero(np.logical_or.reduce([wrong.rows for wrong in wrongs])).tolist()
    # The answer names the rows with the lowest numbers.
    told = set(sorted({*errors, *rows})[:TOLD_ROWS])
    for wrong in wrongs:
        for index in told:
            if wrong.rows[index]:
                sentence = f"{wrong.name!r} must be {wrong.must}, found {wrong.column.shown(index)}"
                before = errors.get(index)
                errors[index] = Rejection(
                    before.reason if before else wrong.reason, f"{before.sentence}; {sentence}" if before else sentence
                )
    for wrong in wrongs:
        for index in np.flatnonzero(wrong.rows).tolist():
            errors.setdefault(index, untold(wrong.reason))
