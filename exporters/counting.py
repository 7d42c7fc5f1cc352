"""Rows against a spec: which are accepted, and how many values fall into which bin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins, Codes, NumericBins
from modelwatch.exporters.ingest.columns import Numbers, Texts
from modelwatch.exporters.ingest.table import Rejection, Table
from modelwatch.exporters.ingest.wrong import Mismatch, add_mismatches
from modelwatch.exporters.layout import Layout, Watched
from modelwatch.exporters.statistics.method import Counts

# A row that does not say what the model answered is no row of the distribution of answers.
_SKIPPED = -1


@dataclass(frozen=True, slots=True)
class Counted:
    """``counts`` over the layout's vector, of the accepted rows alone; ``errors`` is the reason by rejected row."""

    counts: Counts
    accepted: int
    errors: dict[int, Rejection]


def count(layout: Layout, table: Table) -> Counted:
    """Count every row that agrees with the spec. A row with any wrong value counts nowhere."""
    errors = table.rejected(layout.names)
    mismatches: list[Mismatch] = []
    coded = [(watched, *_coded(watched, table, mismatches)) for watched in layout.watched]
    add_mismatches(errors, mismatches)
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


def _coded(watched: Watched, table: Table, mismatches: list[Mismatch]) -> tuple[Codes, NDArray[np.bool_] | None]:
    """Bin of each row's value, and whether it is out of range; notes what is no value of the feature."""
    column = table.column(watched.subject.role, watched.name) or Numbers(np.full(table.rows, math.nan))
    read: Numbers | Texts
    outside = None
    if watched.subject.numeric:
        numbers = (read := column.numbers()).values
        if watched.subject.feature.range is not None:
            low, high = map(float, watched.subject.feature.range)
            # NaN compares as False on both sides.
            outside = (numbers < low) | (numbers > high)
        codes = watched.bins.codes(numbers) if isinstance(watched.bins, NumericBins) else _present(np.isfinite(numbers))
    else:
        codes = _categories(watched, read := column.texts())
    if read.mismatched is not None:
        mismatches.append(Mismatch(watched.name, watched.subject.numeric, column, read.mismatched))
    if watched.subject.role != "feature":
        codes = np.where(codes == watched.size - 1, _SKIPPED, codes)
    return codes, outside


def _present(here: NDArray[np.bool_]) -> Codes:
    """Codes of a feature without a reference: 0 for present, 1 for missing."""
    return np.where(here, 0, 1)


def _categories(watched: Watched, texts: Texts) -> Codes:
    """Bins of categories: each distinct text is looked up once."""
    bins = watched.bins
    if isinstance(bins, CategoricalBins):
        # A code of -1 reads the last place.
        known = [bins.lookup.get(text, bins.unknown) for text in (*texts.distinct, None)]
        codes: Codes = np.array(known, dtype=np.int64)[texts.codes]
        return codes
    return _present(np.array([*map(bool, texts.distinct), False])[texts.codes])
