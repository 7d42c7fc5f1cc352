"""Shift of the mean, in reference standard deviations.

    (mean_q - mean_p) / std_p

with the means of the window and of the reference and the reference's standard deviation (ddof 0); the sign says the
direction. Source: Cohen's d with the reference's deviation (Glass's delta), Statistical power analysis (1988).

Its critical value is z sqrt(1/n + 1/m), two-sided, z corrected for the reference's kurtosis and the largest skewness
that goes with it (``distributions.skewed``).
"""

from __future__ import annotations

import numpy as np

from modelwatch.exporters.statistics.distributions.skewed import quantile
from modelwatch.exporters.statistics.method import Counts, Floats, Moments, inverse_of


class MeanShift:
    """See the module."""

    name = "mean_shift"
    unit = "reference standard deviations"

    def score(self, data: Moments) -> Floats:
        varies = (data.reference_std > 0) & (data.n > 0) & (data.m > 0)
        scale = np.where(varies, data.reference_std, 1.0)
        return np.where(varies, (data.mean - data.reference_mean) / scale, np.nan)

    def critical_value(self, data: Moments, n: Counts, alpha: float) -> Floats:
        # Pearson's inequality: kurtosis >= skewness^2 + 1.
        skewness = np.sqrt(np.maximum(data.kurtosis - 1, 0))
        return quantile(alpha, n, data.m, skewness, data.kurtosis) * np.sqrt(inverse_of(data, n))
