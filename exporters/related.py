"""What is told of numeric features together: which correlations changed, and how well old components still fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelwatch.exporters.layout import Layout
from modelwatch.exporters.relations import Relations, without_ratio
from modelwatch.exporters.statistics.correlation import correlation_change
from modelwatch.exporters.statistics.method import Floats
from modelwatch.exporters.statistics.reconstruction import error_ratio

# Changed pairs that are told: a broken feature changes all of its pairs, and the worst few show which it is.
MOST_CHANGES = 5
# Changes of less are of no use to anybody, however sure.
LEAST_CHANGE = 0.1


@dataclass(frozen=True, slots=True)
class Related:
    """``changes`` are pairs and how far their correlation moved, the furthest first. ``reconstruction`` is the mean
    squared error of rows off the reference's principal components over what it is in the reference; NaN if unknown, and
    ``unknown`` says why.
    """

    changes: tuple[tuple[str, str, float], ...]
    reconstruction: float
    unknown: str | None


def judge_relations(layout: Layout, sums: Floats, alpha: float, min_samples: int) -> list[Related]:
    """What windows of such sums say, shape (windows, layout.float_width).

    Below ``min_samples`` rows without a missing value, nothing.
    """
    relations, why = layout.relations, _without_ratio(layout)
    if relations is None:
        return [Related((), np.nan, why)] * len(sums)
    block = relations.block
    own = sums[:, block.float_start : block.float_start + block.float_width]
    now = relations.correlated(own)
    large = np.any(np.abs(now - relations.reference) > LEAST_CHANGE, axis=1).tolist()
    usual = relations.basis.residual.mean if relations.basis and relations.basis.residual else 0.0
    found = []
    for i, one in enumerate(own):
        rows = float(one[0])
        changes = _changes(relations, rows, relations.matrix(now[i]), alpha) if large[i] else ()
        if rows < max(min_samples, 1):
            needed = f"needs {max(min_samples, 1)} rows in which all of {relations.size} numeric features have a value"
            few = f"{needed}, has looked at {rows:.0f}"
            found.append(Related((), np.nan, why or few))
        else:
            ratio = error_ratio(relations.error(one) * rows, int(rows), usual)
            found.append(Related(tuple(changes), ratio, why))
    return found


def _without_ratio(layout: Layout) -> str | None:
    if layout.profile is None:
        return next((watched.inactive for watched in layout.watched), None)
    return without_ratio(layout.profile, layout.watched, layout.relations)


def _changes(relations: Relations, rows: float, now: Floats, alpha: float) -> Iterator[tuple[str, str, float]]:
    change = now - relations.correlations
    large = np.abs(change) > LEAST_CHANGE
    size = relations.size
    n, m = (np.full((size, size), count, dtype=np.int64) for count in (rows, relations.rows))
    moved = correlation_change(now, n, relations.correlations, m)
    # The standard error is that of pairs which are jointly normal; twice the bar keeps heavier tails quiet.
    bar = 2 * moved.critical_value(alpha / (size * (size - 1) / 2))
    for i, j in moved.worst(MOST_CHANGES, large & (np.abs(moved.change) > bar)):
        yield relations.names[i], relations.names[j], float(change[i, j])
