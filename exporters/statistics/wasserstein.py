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
from modelwatch.exporters.statistics.method import Cells, Counts, Floats, inverse_rows


class Wasserstein:
    """See the module."""

    name = "wasserstein"
    unit = "the feature's own"

    def score(self, data: Cells) -> Floats:
        gap = data.window_cdf - data.reference_cdf
        left = np.concatenate([np.zeros((len(gap), 1)), gap[:, :-1]], axis=1)
        ends = np.abs(left) + np.abs(gap)
        # Where the sign changes within a cell: two triangles instead of a trapezium.
        with np.errstate(divide="ignore", invalid="ignore"):
            crossed = (left**2 + gap**2) / ends
        area = np.where(left * gap < 0, crossed, ends) * data.widths / 2
        found: Floats = area.sum(axis=1) + data.below + data.above
        return found

    def critical_value(self, data: Cells, n: Counts, alpha: float) -> Floats:
        inverse = inverse_rows(n, data.m)
        upper = data.reference_cdf
        lower = np.concatenate([np.zeros((len(upper), 1)), upper[:, :-1]], axis=1)
        spread = np.sqrt(np.maximum(upper * (1 - upper), 0)) + np.sqrt(np.maximum(lower * (1 - lower), 0))
        mean = math.sqrt(2 / math.pi) * (spread * data.widths / 2).sum(axis=1) * np.sqrt(inverse)
        skewness, kurtosis = _shape(data)
        found: Floats = mean + quantile(alpha, n, data.m, np.abs(skewness), kurtosis) * data.std * np.sqrt(inverse)
        return found


class WassersteinScaled(Wasserstein):
    """W / std, in standard deviations (ddof 0) of the reference. NaN where it never varies."""

    name = "wasserstein_scaled"
    unit = "reference standard deviations"

    def score(self, data: Cells) -> Floats:
        return _scaled(super().score(data), data.std)

    def critical_value(self, data: Cells, n: Counts, alpha: float) -> Floats:
        return _scaled(super().critical_value(data, n, alpha), data.std)


def _scaled(values: Floats, std: Floats) -> Floats:
    return np.where(std > 0, values / np.where(std > 0, std, 1.0), np.nan)


def _shape(data: Cells) -> tuple[Floats, Floats]:
    """Skewness and kurtosis of the reference, every value at its cell's middle; those of a normal without spread."""
    position = np.cumsum(data.widths, axis=1) - data.widths / 2
    share = data.reference / np.maximum(data.m, 1)[:, None]
    offset = position - (share * position).sum(axis=1, keepdims=True)
    second, third, fourth = ((share * offset**power).sum(axis=1) for power in (2, 3, 4))
    safe = np.where(second > 0, second, 1.0)
    return np.where(second > 0, third / safe**1.5, 0.0), np.where(second > 0, fourth / safe**2, 3.0)
