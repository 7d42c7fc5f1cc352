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
    every = method.score(_windows(counts, reference))
    # NaN is above nothing.
    left = np.flatnonzero(np.abs(every) > warning)
    if not len(left):
        return found
    part = _windows(counts[left], reference)
    # Critical values hang on the rows of a window alone, and thousands of windows share some numbers of rows.
    rows, place = np.unique(part.n, return_inverse=True)
    of_rows = _windows(np.zeros((len(rows), len(reference)), dtype=np.int64), reference)
    critical, critical_ratio = (test.critical_value(of_rows, rows, alpha)[place] for test in (method, _GUARD))
    found[left] = drifted(every[left], warning, critical, _GUARD.score(part), critical_ratio)
    return found


def _windows(counts: Counts, reference: Counts) -> Histograms:
    return Histograms(counts, np.broadcast_to(reference, counts.shape))
