"""PCA reconstruction error ratio: whether whole rows still look like the reference's.

    ratio = (mean over the window's rows of |x - P x|^2) / (the reference's mean of it)

with ``x`` the standardised row and ``P`` the projection onto the reference's first principal components. It has no
unit; 1 is equal. Source: Jackson and Mudholkar, Control procedures for residuals associated with principal component
analysis (1979). It rises where features no longer move together, although each by itself may look the same.

Critical value: a mean of squares is about gamma distributed, its squared coefficient of variation that of one row's
squared residual times (1/n + 1/m).
"""

from __future__ import annotations

import math

from modelwatch.exporters.statistics.distributions import chi_squared


def error_ratio(total: float, n: int, reference_mean: float) -> float:
    """From the window's sum of squared residuals; NaN without rows or where the reference has no residual."""
    return total / n / reference_mean if n > 0 and reference_mean > 0 else math.nan


def critical_ratio(n: int, m: int, reference_mean: float, reference_std: float, alpha: float) -> float:
    """Ratio that ``n`` rows without drift exceed with probability ``alpha``.

    ``reference_mean`` and ``reference_std`` are of the squared residuals of the reference's ``m`` rows.
    """
    if n < 1 or m < 1 or not reference_mean > 0:
        return math.nan
    square = max((reference_std / reference_mean) ** 2, 1e-12) * (1 / n + 1 / m)
    return chi_squared.quantile(alpha, 2 / square) * square / 2
