"""What is told of numeric features together: which correlations changed, and how well old components still fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelwatch.exporters.layout import Layout
from modelwatch.exporters.relations import Relations
from modelwatch.exporters.statistics.correlation import correlation_change
from modelwatch.exporters.statistics.method import Floats
from modelwatch.exporters.statistics.reconstruction import error_ratio
from modelwatch.exporters.vectors import Vectors

# Changed pairs that are told: a broken feature changes all of its pairs, and the worst few show which it is.
MOST_CHANGES = 5
# Changes of less are of no use to anybody, however sure.
LEAST_CHANGE = 0.1


@dataclass(frozen=True, slots=True)
class Related:
    """``changes`` are pairs and how far their correlation moved, the furthest first. ``reconstruction`` is the mean
    squared error of rows off the reference's principal components over what it is in the reference; NaN if unknown.
    """

    changes: tuple[tuple[str, str, float], ...]
    reconstruction: float


NOTHING = Related((), np.nan)


def judge_relations(layout: Layout, total: Vectors, alpha: float, min_samples: int) -> Related:
    """What the vectors of a window say. Below ``min_samples`` rows without a missing value, nothing."""
    relations = layout.relations
    if relations is None:
        return NOTHING
    block = relations.block
    sums = total.sums[block.float_start : block.float_start + block.float_width]
    rows, now = relations.correlated(sums)
    if rows < min_samples:
        return NOTHING
    _, error, _ = relations.reconstruction(sums)
    usual = relations.basis.residual.mean if relations.basis and relations.basis.residual else 0.0
    return Related(tuple(_changes(relations, rows, now, alpha)), error_ratio(error * rows, int(rows), usual))


def _changes(relations: Relations, rows: float, now: Floats, alpha: float) -> Iterator[tuple[str, str, float]]:
    change = now - relations.correlations
    large = np.abs(change) > LEAST_CHANGE
    if not large.any():
        return
    size = relations.size
    n, m = (np.full((size, size), count, dtype=np.int64) for count in (rows, relations.rows))
    moved = correlation_change(now, n, relations.correlations, m)
    # The standard error is that of pairs which are jointly normal; twice the bar keeps heavier tails quiet.
    bar = 2 * moved.critical_value(alpha / (size * (size - 1) / 2))
    for i, j in moved.worst(MOST_CHANGES, large & (np.abs(moved.change) > bar)):
        yield relations.names[i], relations.names[j], float(change[i, j])
