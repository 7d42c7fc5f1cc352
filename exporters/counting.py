"""Rows against a spec: which are accepted, how many values fall where, and the sums that moments are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins
from modelwatch.exporters.decoded import Decoded
from modelwatch.exporters.ingest.columns import Mask, Numbers, Texts
from modelwatch.exporters.ingest.table import Rejection, Table
from modelwatch.exporters.ingest.wrong import Wrong, add_wrong, of_class, of_confidence, of_type
from modelwatch.exporters.layout import Layout, Watched
from modelwatch.exporters.numeric import AT_ONCE
from modelwatch.exporters.relations import MOST_ROWS
from modelwatch.exporters.statistics.method import Counts, Floats
from modelwatch.exporters.subjects import CONFIDENCE, PREDICTION


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


def count(layout: Layout, rows: Table | Decoded, relate: bool = True, now: float = 0.0) -> Counted:
    """Count every row that agrees with the spec. A row with any wrong value counts nowhere.

    Without ``relate``, nothing is counted of features together. ``now``, in seconds since the epoch, is the time of
    rows that do not tell theirs.
    """
    decoded = Decoded.of(rows)
    table = decoded.table
    errors = table.rejected(_features(layout))
    counts, sums = np.zeros(layout.width, dtype=np.int64), np.zeros(layout.float_width)
    numbers = {watched.name: decoded.numbers(watched.subject) for watched in layout.numeric.watched}
    texts = {watched.name: decoded.texts(watched.subject) for watched in layout.categorical}
    wrongs: list[Wrong | None] = []
    for watched in layout.watched:
        column, read = decoded.column(watched.subject), numbers.get(watched.name) or texts[watched.name]
        if column is None:
            continue
        wrongs.append(of_type(watched.name, watched.subject.numeric, column, read))
        if read.mismatched is not None:
            counts[watched.mismatched] = np.count_nonzero(read.mismatched)
        if watched.subject.role == PREDICTION and isinstance(read, Texts) and layout.model.task.classes:
            wrongs.append(of_class(column, read, layout.model.task.classes))
        elif watched.subject.role == CONFIDENCE and isinstance(read, Numbers):
            wrongs.append(of_confidence(column, read))
    add_wrong(errors, [wrong for wrong in wrongs if wrong is not None])
    accepted = table.rows - len(errors)
    if not accepted:
        return Counted(counts, sums, 0, errors)
    keep: Mask | None = None
    if errors:
        keep = np.ones(table.rows, dtype=bool)
        keep[list(errors)] = False
    kept = [found if keep is None else found.kept(keep) for found in numbers.values()]
    layout.numeric.count(kept, counts, sums)
    for watched in layout.categorical:
        found = texts[watched.name]
        _categories(watched, found.codes if keep is None else found.codes[keep], found.distinct, counts)
    for watched in layout.answered:
        # A row that does not say what the model answered is no row of the distribution of answers.
        counts[watched.missing] = 0
    if layout.slices is not None:
        block = layout.slices.block
        counts[block.start : block.start + block.width] = layout.slices.count(decoded, keep, now)
    sure = layout.role(CONFIDENCE)
    if sure is not None:
        limit = np.float64(layout.model.tracing.low_confidence)
        counts[layout.unsure] = np.count_nonzero(kept[layout.numeric.watched.index(sure)].values < limit)
    if relate and layout.relations is not None:
        block = layout.relations.block
        step = -(-accepted // MOST_ROWS)
        together = np.column_stack([kept[place].values[::step].astype(np.float64) for place in layout.related])
        sums[block.float_start : block.float_start + block.float_width] = layout.relations.sums(together)
    return Counted(counts, sums, accepted, errors, _newest(table.timestamps(), keep))


def _features(layout: Layout) -> dict[str, bool]:
    """What the object ``features`` of a row may hold, and which of it is numeric."""
    return {watched.name: watched.subject.numeric for watched in layout.watched if watched.subject.role == "feature"}


def _categories(watched: Watched, codes: NDArray[np.integer], distinct: tuple[str, ...], counts: Counts) -> None:
    """Adds categories: ``codes`` are places in ``distinct``, or -1 where a value is missing."""
    bins, start = watched.bins, watched.block.start
    found = np.zeros(len(distinct) + 1, dtype=np.int64)
    for begin in range(0, len(codes), AT_ONCE):
        found += np.bincount(codes[begin : begin + AT_ONCE] + 1, minlength=len(distinct) + 1)
    for text, rows in zip(distinct, found[1:].tolist(), strict=True):
        if rows:
            # Without a reference a value is there or missing.
            place = bins.lookup.get(text, bins.unknown) if isinstance(bins, CategoricalBins) else int(not text)
            counts[start + place] += rows
    counts[watched.missing] += found[0]


def _newest(timestamps: Floats, keep: Mask | None) -> float | None:
    known = timestamps if keep is None else timestamps[keep]
    known = known[~np.isnan(known)]
    return float(known.max()) if len(known) else None
