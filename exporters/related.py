"""What is told of numeric features together: which correlations changed, and how well old components still fit."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from modelwatch.exporters.layout import Layout
from modelwatch.exporters.statistics.method import Floats
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
    pairs = np.triu_indices(relations.size, 1)
    before, after = relations.correlations[pairs], now[pairs]
    change = after - before
    # Fisher (1915): artanh r is about normal with variance 1 / (n - 3). For pairs that are not jointly normal the
    # variance is larger; twice the bar keeps the heavy tails of real features quiet.
    bar = 2 * NormalDist().inv_cdf(1 - alpha / len(change) / 2) * np.sqrt(1 / (rows - 3) + 1 / (relations.rows - 3))
    moved = np.abs(_artanh(after) - _artanh(before)) > bar
    told = np.flatnonzero(moved & (np.abs(change) > LEAST_CHANGE))
    worst = told[np.argsort(-np.abs(change[told]), kind="stable")][:MOST_CHANGES]
    changes = tuple(
        (relations.names[pairs[0][i]], relations.names[pairs[1][i]], float(change[i])) for i in worst.tolist()
    )
    return Related(changes, error / usual if usual > 0 else np.nan)


def _artanh(r: Floats) -> Floats:
    found: Floats = np.arctanh(np.clip(r, -1 + 1e-9, 1 - 1e-9))
    return found
