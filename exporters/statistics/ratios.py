"""Shares of rows (missing, low confidence) and of the most frequent answer, and what chance alone makes of them.

    ratio = k / n

of the window's ``n`` rows, without unit. Its critical value is exact: given ``r`` of the reference's ``m`` rows, the
number k in ``n`` rows without drift is beta-binomial (n; r + 1/2, m - r + 1/2), a binomial count whose share is known
only as well as ``m`` rows tell (Jeffreys' prior; Brown, Cai and DasGupta, Interval estimation for a binomial
proportion, 2001).
"""

from __future__ import annotations

import math

import numpy as np

from modelwatch.exporters.statistics.distributions import beta_binomial
from modelwatch.exporters.statistics.method import Counts, Floats


def critical_ratio(r: Counts, m: Counts, n: Counts, alpha: float) -> Floats:
    """The least ratio that ``n`` rows without drift exceed with probability ``alpha`` at the most, shape (features,).

    NaN without rows on either side. 1 where even all of the rows would be no wonder.
    """
    known = (n > 0) & (m > 0)
    rows = np.where(known, n, 1)
    count = beta_binomial.quantiles(alpha, rows, np.where(known, r, 0) + 0.5, np.where(known, m - r, 1) + 0.5)
    return np.where(known, count / rows, np.nan)


def constant_output(most_frequent: int, n: int, reference_share: float, alpha: float) -> bool:
    """Whether all ``n`` answers are the same and chance would make them so less often than ``alpha``.

    ``reference_share`` is the share of the reference's most frequent answer: 1 where it never answers otherwise, and
    then nothing is wrong.
    """
    if n < 1 or most_frequent < n or reference_share >= 1:
        return False
    return reference_share <= 0 or n * math.log(reference_share) < math.log(alpha)
