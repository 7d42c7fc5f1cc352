"""PCA reconstruction error ratio: whether whole rows still look like the reference's.

    ratio = (mean over the window's rows of |x - P x|^2) / (the reference's mean of it)

with ``x`` the standardised row and ``P`` the projection onto the reference's first principal components. It has no
unit; 1 is equal. Source: Jackson and Mudholkar, Control procedures for residuals associated with principal component
analysis (1979). It rises where features no longer move together, although each by itself may look the same.
"""

from __future__ import annotations

import math


def error_ratio(total: float, n: int, reference_mean: float) -> float:
    """From the window's sum of squared residuals; NaN without rows or where the reference has no residual."""
    return total / n / reference_mean if n > 0 and reference_mean > 0 else math.nan
