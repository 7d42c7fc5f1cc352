"""Shift of the standard deviation, as the logarithm of a ratio.

    ln(std_q / std_p)

with the standard deviations (ddof 0) of the window and of the reference: 0 is equal, 0.69 doubled, -0.69 halved. It has
no unit. Source: the log variance ratio, Nakagawa et al., Meta-analysis of variation (2015), without its correction for
few rows.

Critical value: the largest of three. A variance of n values without drift is about gamma distributed, its squared
coefficient of variation (kurtosis - 1)(1/n + 1/m): both tails at half of ``alpha``. And where a feature is skewed, a
single far value does what the gamma distribution holds to be impossible (a sum of heavy-tailed squares is large because
one of them is; Foss, Korshunov and Zachary, Heavy-tailed and subexponential distributions, 2013): n values that vary as
usual, and one of which any of n is as far off as ``alpha`` / 4 allows, taken as log-normal with the reference's
kurtosis.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from modelwatch.exporters.statistics.distributions import chi_squared, normal
from modelwatch.exporters.statistics.distributions.log_normal import standardised
from modelwatch.exporters.statistics.method import Counts, Floats, Moments, inverse_of


class StdShift:
    """See the module."""

    name = "std_shift"
    unit = ""

    def score(self, data: Moments) -> Floats:
        varies = (data.reference_std > 0) & (data.std > 0) & (data.n > 1) & (data.m > 0)
        ratio = np.where(varies, data.std, 1.0) / np.where(varies, data.reference_std, 1.0)
        return np.where(varies, np.log(ratio), np.nan)

    def critical_value(self, data: Moments, n: Counts, alpha: float) -> Floats:
        square = np.maximum(data.kurtosis - 1, 1e-9) * inverse_of(data, n)
        degrees = 2 / square
        low, high = (chi_squared.quantiles(level, degrees) / degrees for level in (1 - alpha / 2, alpha / 2))
        rows = np.maximum(n, 1)
        # Most features of a window have as many rows as the others.
        rare = np.array([_rare(alpha, one) for one in rows.tolist()])
        far = 1 + standardised(rare, data.kurtosis) ** 2 / rows
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.maximum(np.maximum(np.abs(np.log(low)), np.abs(np.log(high))), np.log(far)) / 2


@lru_cache(maxsize=1024)
def _rare(alpha: float, rows: int) -> float:
    """What one of so many normal variables exceeds with probability ``alpha`` / 4 at the most."""
    return normal.quantile(alpha / 4 / rows)
