"""The likelihood ratio statistic of homogeneity, G: what decides that a score above its threshold is no accident.

    G = 2 sum over bins of c ln(c / (n a)) + r ln(r / (m a)),  a = (c + r) / (n + m)

with ``c`` of the window's ``n`` rows and ``r`` of the reference's ``m`` rows in a bin; 0 ln 0 is 0. It has no unit.
Source: Wilks (1938); equal to ``scipy.stats.chi2_contingency([c, r], correction=False, lambda_="log-likelihood")``.
Without drift it is chi-squared where bins expect many rows. A bin's part of it bounds its own probability, exp(-G/2),
in both directions (Chernoff), so that rare bins disturb it far less than they do PSI or Pearson's statistic: against
the chi-squared quantile it errs at most fivefold (50 categories, 500 rows, a rate of 1e-6) where they err a
hundredfold. ``quantile`` takes the rest away by one constant for a feature, so that PromQL can compare too.
"""

from __future__ import annotations

import numpy as np

from modelwatch.exporters.statistics.method import Counts, Floats, Histograms
from modelwatch.exporters.statistics.sides import Sides, times_log
from modelwatch.exporters.statistics.sums import SumOverBins


class LikelihoodRatio(SumOverBins):
    """See the module."""

    name = "g"
    unit = ""

    @staticmethod
    def term(sides: Sides) -> Floats:
        now, then = (times_log(side.counts, side.share / sides.pooled) for side in (sides.window, sides.reference))
        return 2 * (now + then)

    @staticmethod
    def natural(inverse: Floats) -> Floats:
        return np.where(np.isfinite(inverse), 1.0, np.nan)

    def quantile(self, data: Histograms, least: int, alpha: float) -> Floats:
        """What G without drift exceeds with probability ``alpha`` at the most in windows of ``least`` rows or more.

        A constant for each feature, shape (features,): the largest critical value over the numbers of rows, a tenth or
        so above the chi-squared quantile at ``alpha``.
        """
        found = [self.critical_value(data, n, alpha) for n in _steps(data, least)]
        return np.asarray(np.max(found, axis=0))

    def quantile_known(self, data: Histograms, least: int, alpha: float) -> bool:
        """Whether ``quantile`` has nothing to work out."""
        return all(self.known(data, n, alpha) for n in _steps(data, least))


def _steps(data: Histograms, least: int) -> list[Counts]:
    return [np.full(len(data.m), max(least, 1) * 4**step) for step in range(MOST_STEPS)]


# From the least rows to 65,536 times as many: beyond, the reference's own rows decide.
MOST_STEPS = 9
