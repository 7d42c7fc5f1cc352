"""Drift or not: a score above its threshold, above what chance makes of it, and no accident of rare bins.

    drifted = |score| > warning and |score| > critical value and G > its critical value

G, the likelihood ratio, keeps its rate where a method's own critical value is only nearly right, and PromQL can compute
it from counts for a whole fleet, whatever the method. A warning of 0 leaves the decision to chance alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.method import Counts, Floats, Histograms, Law, Method

_GUARD = LikelihoodRatio()


def drifted(
    score: Floats, warning: Floats | float, critical: Floats, ratio: Floats, critical_ratio: Floats
) -> NDArray[np.bool_]:
    """The rule itself, element by element. NaN is above nothing, and nothing is above NaN."""
    size = np.abs(score)
    return np.asarray((size > warning) & (size > critical) & (ratio > critical_ratio))


def detected(
    method: Method[Histograms],
    counts: Counts,
    reference: Counts,
    warning: float,
    alpha: float,
    *,
    parts: Floats | None = None,
) -> NDArray[np.bool_]:
    """Whether each window of one distribution has drifted, shape (windows,).

    ``counts`` is of shape (windows, bins) and ``reference`` of shape (bins,). Where each window is compared with a
    mixture of parts of the reference, ``parts`` are these, shape (windows, bins).
    """
    found = np.zeros(len(counts), dtype=bool)
    windows = _windows(counts, reference, parts)
    score = method.score(windows)
    # Most windows pass no further than here. NaN is above nothing.
    left = np.flatnonzero(np.abs(score) > warning)
    critical = _critical(method, _some(windows, left), alpha)
    beyond = np.abs(score[left]) > critical
    left, critical = left[beyond], critical[beyond]
    part = _some(windows, left)
    ratio, critical_ratio = _GUARD.score(part), _critical(_GUARD, part, alpha)
    found[left] = drifted(score[left], warning, critical, ratio, critical_ratio)
    return found


def _critical(method: Method[Histograms], windows: Histograms, alpha: float) -> Floats:
    """Of each window, shape (windows,)."""
    if windows.law is not None:
        return method.critical_value(windows, windows.n, alpha)
    # All have one reference, and thousands of them share some numbers of rows.
    rows, first, place = np.unique(windows.n, return_index=True, return_inverse=True)
    return method.critical_value(_some(windows, first), rows, alpha)[place]


def _windows(counts: Counts, reference: Counts, parts: Floats | None) -> Histograms:
    whole = np.broadcast_to(reference, counts.shape)
    return Histograms(counts, whole) if parts is None else Histograms(counts, parts, Law(whole))


def _some(windows: Histograms, chosen: NDArray[np.int64]) -> Histograms:
    law = None if windows.law is None else Law(windows.law.counts[chosen])
    return Histograms(windows.counts[chosen], windows.reference[chosen], law)
