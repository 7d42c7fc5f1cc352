"""Drift or not: a score above its threshold, above what chance makes of it, and no accident of rare bins.

    drifted = |score| > warning and |score| > critical value and G > its critical value

G, the likelihood ratio, keeps its rate where a method's own critical value is only nearly right, and PromQL can compute
it from counts for a whole fleet, whatever the method. A warning of 0 leaves the decision to chance alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.method import Counts, Floats, Histograms, Method

_GUARD = LikelihoodRatio()


def drifted(
    score: Floats, warning: Floats | float, critical: Floats, ratio: Floats, critical_ratio: Floats
) -> NDArray[np.bool_]:
    """The rule itself, element by element. NaN is above nothing, and nothing is above NaN."""
    size = np.abs(score)
    return np.asarray((size > warning) & (size > critical) & (ratio > critical_ratio))


def detected(
    method: Method[Histograms], counts: Counts, reference: Counts, warning: float, alpha: float
) -> NDArray[np.bool_]:
    """Whether each window of one distribution has drifted, shape (windows,).

    ``counts`` is of shape (windows, bins) and ``reference`` of shape (bins,).
    """
    found = np.zeros(len(counts), dtype=bool)
    windows = _windows(counts, reference)
    score = method.score(windows)
    # Most windows pass no further than here. NaN is above nothing.
    left = np.flatnonzero(np.abs(score) > warning)
    critical = _critical(method, windows.n[left], reference, alpha)
    beyond = np.abs(score[left]) > critical
    left, critical = left[beyond], critical[beyond]
    part = _windows(counts[left], reference)
    ratio, critical_ratio = _GUARD.score(part), _critical(_GUARD, part.n, reference, alpha)
    found[left] = drifted(score[left], warning, critical, ratio, critical_ratio)
    return found


def _critical(method: Method[Histograms], n: Counts, reference: Counts, alpha: float) -> Floats:
    """For windows of ``n`` rows, shape (windows,): thousands of them share some numbers of rows."""
    rows, place = np.unique(n, return_inverse=True)
    of_rows = _windows(np.zeros((len(rows), len(reference)), dtype=np.int64), reference)
    return method.critical_value(of_rows, rows, alpha)[place]


def _windows(counts: Counts, reference: Counts) -> Histograms:
    return Histograms(counts, np.broadcast_to(reference, counts.shape))
