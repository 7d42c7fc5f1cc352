"""The chi-squared distribution; degrees of freedom need not be whole."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from modelwatch.exporters.statistics.distributions.gamma import Floats, upper


def survival(x: ArrayLike, degrees: ArrayLike) -> Floats:
    """P(X > x) = Q(degrees / 2, x / 2)."""
    return upper(np.asarray(degrees, dtype=np.float64) / 2, np.asarray(x, dtype=np.float64) / 2)


def quantiles(alpha: float, degrees: ArrayLike) -> Floats:
    """``quantile`` for each of ``degrees``; NaN where there is no degree of freedom."""
    wanted = np.asarray(degrees, dtype=np.float64)
    found = [quantile(alpha, float(one)) if one > 0 else math.nan for one in wanted.ravel()]
    return np.array(found, dtype=np.float64).reshape(wanted.shape)


# Beyond, the cube root approximation is right to 1e-6, and the series for better would take as many terms.
MOST_DEGREES = 1e5


@lru_cache(maxsize=4096)
def quantile(alpha: float, degrees: float) -> float:
    """The value that a chi-squared variable exceeds with probability ``alpha`` (0 < alpha < 1).

    Newton's steps, kept between bounds, from Wilson and Hilferty's cube root approximation (1931).
    """
    if not 0 < alpha < 1 or not degrees > 0:
        raise ValueError(f"no chi-squared quantile for alpha={alpha} and {degrees} degrees of freedom")
    spread = 2 / (9 * degrees)
    x = max(degrees * (1 - spread - NormalDist().inv_cdf(alpha) * math.sqrt(spread)) ** 3, 1e-12)
    if degrees > MOST_DEGREES:
        return x
    low, high = 0.0, math.inf
    for _ in range(200):
        error = float(survival(x, degrees)) - alpha
        low, high = (x, high) if error > 0 else (low, x)
        density = math.exp((degrees / 2 - 1) * math.log(x / 2) - x / 2 - math.lgamma(degrees / 2)) / 2
        step = x + error / density if density > 0 else math.inf
        # Newton may leave the bracket where the tail is nearly flat; halving never does.
        new = step if low < step < high else ((low + high) / 2 if high < math.inf else 2 * x)
        if abs(new - x) <= 1e-13 * x:
            return new
        x = new
    return x
