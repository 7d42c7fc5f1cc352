"""Quantiles of a difference of two means whose values are not normal.

    z + g (z^2 - 1) / 6 + k (z^3 - 3 z) / 24 - g^2 (2 z^3 - 5 z) / 36

with ``z`` the normal quantile, ``g`` and ``k`` the skewness and excess kurtosis of the difference of means, which fall
as the rows grow. Source: Cornish and Fisher, Moments and cumulants in the specification of distributions (1938).
"""

from __future__ import annotations

import numpy as np

from modelwatch.exporters.statistics.distributions import normal
from modelwatch.exporters.statistics.distributions.gamma import Floats
from modelwatch.exporters.statistics.method import Counts


def quantile(alpha: float, n: Counts, m: Counts, skewness: Floats, kurtosis: Floats) -> Floats:
    """In standard deviations, for the worse of the two sides at half of ``alpha``; at least the normal quantile.

    The means are of ``n`` and ``m`` values whose third and fourth standardised moments are ``skewness`` and
    ``kurtosis``.
    """
    z = normal.two_sided(alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        rows, known = 1 / n.astype(np.float64), 1 / m.astype(np.float64)
        inverse = rows + known
        square, known_square, inverse_square = rows * rows, known * known, inverse * inverse
        g = np.abs(skewness * (square - known_square)) / (inverse * np.sqrt(inverse))
        k = (kurtosis - 3) * (square * rows + known_square * known) / inverse_square
    corrected = z + g * (z * z - 1) / 6 + k * (z**3 - 3 * z) / 24 - g * g * (2 * z**3 - 5 * z) / 36
    # The series is no guide where its terms are large; without its last, negative one it errs to the safe side.
    cautious = z + g * (z * z - 1) / 6 + np.maximum(k, 0) * (z**3 - 3 * z) / 24
    return np.maximum(np.where(g * z > 1, cautious, corrected), z)
