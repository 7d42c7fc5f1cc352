"""Rows against a spec: which are accepted, how many values fall where, and the sums that moments are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins
from modelwatch.exporters.ingest.columns import Column, Mask, Numbers, Texts
from modelwatch.exporters.ingest.table import Rejection, Table
from modelwatch.exporters.ingest.wrong import Mismatch, add_mismatches
from modelwatch.exporters.layout import SUMS, Layout, Watched
from modelwatch.exporters.relations import MOST_ROWS
from modelwatch.exporters.statistics.method import Counts, Floats

# From so many values on, sorting them and looking up the edges is quicker than looking up every value.
SORTED_FROM = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """``counts`` and ``sums`` over the layout's vectors, of the accepted rows alone but for values of a wrong type.

    ``errors`` is why a row was rejected; ``newest`` the latest time that an accepted row says it is of.
    """

    counts: Counts
    sums: Floats
    accepted: int
    errors: dict[int, Rejection]
    newest: float | None = None


class _Read(NamedTuple):
    watched: Watched
    column: Column | None
    values: Numbers | Texts


def count(layout: Layout, table: Table) -> Counted:
    """Count every row that agrees with the spec. A row with any wrong value counts nowhere."""
    errors = table.rejected(layout.names)
    counts, sums = np.zeros(layout.width, dtype=np.int64), np.zeros(layout.float_width)
    read = [_read(watched, table) for watched in layout.watched]
    mismatches = []
    for watched, column, found in read:
        if column is not None and found.mismatched is not None:
            mismatches.append(Mismatch(watched.name, watched.subject.numeric, column, found.mismatched))
            counts[watched.mismatched] = np.count_nonzero(found.mismatched)
    add_mismatches(errors, mismatches)
    accepted = table.rows - len(errors)
    if not accepted:
        return Counted(counts, sums, 0, errors)
    keep: Mask | None = None
    if errors:
        keep = np.ones(table.rows, dtype=bool)
        keep[list(errors)] = False
    for watched, _, found in read:
        if isinstance(found, Numbers):
            values = found.values if keep is None else found.values[keep]
            _numbers(watched, values, counts, sums)
            if watched.subject.role == "confidence":
                counts[layout.unsure] = np.count_nonzero(values < float(layout.model.tracing.low_confidence))
        else:
            _categories(watched, found.codes if keep is None else found.codes[keep], found.distinct, counts)
        if watched.subject.role != "feature":
            # A row that does not say what the model answered is no row of the distribution of answers.
            counts[watched.missing] = 0
    if layout.relations is not None:
        block = layout.relations.block
        together = _together([read[place].values for place in layout.relations.watched], keep)
        sums[block.float_start : block.float_start + block.float_width] = layout.relations.sums(together)
    return Counted(counts, sums, accepted, errors, _newest(table.timestamps(), keep))


def _read(watched: Watched, table: Table) -> _Read:
    """The column as its distribution is counted; one that no row has is missing in every row."""
    column = table.column(watched.subject.role, watched.name)
    if column is None:
        if watched.subject.numeric:
            return _Read(watched, None, Numbers(np.full(table.rows, np.nan)))
        return _Read(watched, None, Texts(np.full(table.rows, -1, dtype=np.int64), ()))
    return _Read(watched, column, column.numbers() if watched.subject.numeric else column.texts())


def _numbers(watched: Watched, values: Floats, counts: Counts, sums: Floats) -> None:
    """Adds a numeric distribution's values, shape (n,), NaN for missing ones, to its blocks."""
    start, limits = watched.block.start, watched.limits
    low, high = map(float, watched.subject.feature.range or (-np.inf, np.inf))
    sorted_ = len(values) >= SORTED_FROM
    if sorted_:
        ordered = np.sort(values)
        # NaN stands at the end.
        here = ordered[: np.searchsorted(ordered, np.inf, side="right")]
        outside = np.searchsorted(here, low) + len(here) - np.searchsorted(here, high, side="right")
    else:
        here = values[~np.isnan(values)]
        outside = np.count_nonzero((here < low) | (here > high))
    counts[watched.outside] = outside
    counts[watched.missing] = len(values) - len(here)
    if sorted_:
        below = np.searchsorted(here, limits, side="right")
        counts[start : watched.missing] = np.diff(below, prepend=0, append=len(here))
    else:
        codes = np.searchsorted(limits, here, side="left")
        counts[start : watched.missing] = np.bincount(codes, minlength=len(limits) + 1)
    if watched.block.float_width and watched.profile is not None and watched.profile.scale is not None:
        place = watched.block.float_start
        sums[place : place + SUMS] = watched.profile.scale.sums(here)


def _categories(watched: Watched, codes: NDArray[np.integer], distinct: tuple[str, ...], counts: Counts) -> None:
    """Adds categories: ``codes`` are places in ``distinct``, or -1 where a value is missing."""
    bins, start = watched.bins, watched.block.start
    found = np.bincount(codes + 1, minlength=len(distinct) + 1)
    for text, rows in zip(distinct, found[1:].tolist(), strict=True):
        if rows:
            # Without a reference a value is there or missing.
            place = bins.lookup.get(text, bins.unknown) if isinstance(bins, CategoricalBins) else int(not text)
            counts[start + place] += rows
    counts[watched.missing] += found[0]


def _together(columns: list[Numbers | Texts], keep: Mask | None) -> Floats:
    """At most MOST_ROWS of the kept rows, evenly spread, shape (rows, columns)."""
    every = [column.values for column in columns if isinstance(column, Numbers)]
    rows = len(every[0]) if keep is None else int(np.count_nonzero(keep))
    step = -(-rows // MOST_ROWS)
    chosen: slice | NDArray[np.int64] = slice(None, None, step) if keep is None else np.flatnonzero(keep)[::step]
    return np.column_stack([values[chosen] for values in every])


def _newest(timestamps: Floats, keep: Mask | None) -> float | None:
    known = timestamps if keep is None else timestamps[keep]
    known = known[~np.isnan(known)]
    return float(known.max()) if len(known) else None
