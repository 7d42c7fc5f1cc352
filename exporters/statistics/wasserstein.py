"""Wasserstein distance of order 1, the earth mover's distance.

    W = integral over x of |F_q(x) - F_p(x)|

with ``F_q`` and ``F_p`` the shares of the window and of the reference at or below x: how far values would have to move
on average for both to be equal, in the feature's unit. Source: Vallender, Calculation of the Wasserstein distance
between probability distributions on the line (1974); ``scipy.stats.wasserstein_distance`` up to the width of a cell.
Within a cell the shares are taken to rise evenly; beyond the reference's minimum and maximum W is exact.

Critical value: E + z sqrt(s) std, s = 1/n + 1/m, with E = integral of sqrt(2/pi F (1 - F) s), the mean without drift
of many rows, and z of the normal distribution, corrected for skewness and kurtosis (``skewed``). W is the largest
difference of means of a function of slope 1 (Kantorovich and Rubinstein), whose variances are the feature's at the
most, and the largest of Gaussian variables exceeds its mean by z standard deviations no more often than one of them
does (Borell and Tsirelson 1976). It is cautious: chance passes it far less often than ``alpha``.
"""

from __future__ import annotations

import math

import numpy as np

from modelwatch.exporters.statistics.distributions.skewed import quantile
from modelwatch.exporters.statistics.method import Cells, Counts, Floats, inverse_of, once


class Wasserstein:
    """See the module."""

    name = "wasserstein"
    unit = "the feature's own"

    def score(self, data: Cells) -> Floats:
        return _distance(data)

    def critical_value(self, data: Cells, n: Counts, alpha: float) -> Floats:
        return _passed_by_chance(data, n, alpha)


@once
def _passed_by_chance(data: Cells, n: Counts, alpha: float) -> Floats:
    known = data.reference
    skewness, kurtosis = known.shape
    mean = math.sqrt(2 / math.pi) * known.spread
    deviation = quantile(alpha, n, data.m, np.abs(skewness), kurtosis) * known.std
    found: Floats = (mean + deviation) * np.sqrt(inverse_of(data, n))
    return found


@once
def _distance(data: Cells) -> Floats:
    far, widths = data.distance, data.reference.widths
    # Trapeziums: each edge is the end of a cell and the beginning of the next one.
    found = np.einsum("ij,ij->i", far, data.reference.between)
    # Where the sign changes within a cell, two triangles instead. They are looked for in all features as one line; what
    # is found between the last cell of one and the first of the next changes nothing: its width is 0.
    below, line = data.gap.reshape(-1) < 0, far.reshape(-1)
    crossed = np.flatnonzero(below[:-1] != below[1:])
    left, right = line[crossed], line[crossed + 1]
    less = left * right / (left + right) * widths.reshape(-1)[crossed + 1]
    found -= np.bincount(crossed // far.shape[1], weights=less, minlength=len(found))
    return np.asarray(found + data.below + data.above)


class WassersteinScaled(Wasserstein):
    """W / std, in standard deviations (ddof 0) of the reference. NaN where it never varies."""

    name = "wasserstein_scaled"
    unit = "reference standard deviations"

    def score(self, data: Cells) -> Floats:
        return _scaled(super().score(data), data.reference.std)

    def critical_value(self, data: Cells, n: Counts, alpha: float) -> Floats:
        return _scaled(super().critical_value(data, n, alpha), data.reference.std)


def _scaled(values: Floats, std: Floats) -> Floats:
    return np.where(std > 0, values / np.where(std > 0, std, 1.0), np.nan)
