"""Pearson's chi-squared statistic of homogeneity, with its p-value.

    X^2 = sum over bins of (q - p)^2 / (a (1/n + 1/m)),  a = (c + r) / (n + m)

with ``c`` of the window's ``n`` rows and ``r`` of the reference's ``m`` rows in a bin, q = c / n and p = r / m. It has
no unit and grows with the rows for the same drift. Source: Pearson (1900); equal to ``scipy.stats.chi2_contingency([c,
r], correction=False)``, bins empty on both sides left out.

The p-value is the customary one, from the chi-squared distribution with a degree of freedom less than bins that either
side fills; where bins expect few rows it is too small. The critical value (``chance``) is not, but for values that the
reference does not hold, each of which weighs m / n: ``likelihood_ratio`` judges these.
"""

from __future__ import annotations

import numpy as np

from modelwatch.exporters.statistics.distributions import chi_squared
from modelwatch.exporters.statistics.method import Floats, Histograms
from modelwatch.exporters.statistics.sides import Sides
from modelwatch.exporters.statistics.sums import SumOverBins


class ChiSquared(SumOverBins):
    """See the module."""

    name = "chi2"
    unit = ""
    unseen = False

    @staticmethod
    def term(sides: Sides) -> Floats:
        window, reference = sides.window, sides.reference
        return (window.share - reference.share) ** 2 / (sides.pooled * (1 / window.rows + 1 / reference.rows))

    @staticmethod
    def natural(inverse: Floats) -> Floats:
        return np.where(np.isfinite(inverse), 1.0, np.nan)

    def p_value(self, data: Histograms) -> Floats:
        degrees = np.count_nonzero(data.sides.filled, axis=1) - 1
        score = self.score(data)
        # One bin alone is equal on both sides: nothing speaks against it.
        return np.where(
            degrees > 0,
            chi_squared.survival_of_whole(score, np.maximum(degrees, 1)),
            np.where(np.isnan(score), score, 1.0),
        )
