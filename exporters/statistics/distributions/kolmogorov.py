"""Kolmogorov's distribution: the limit of sqrt(n) D.

P(K > x) = 2 sum over j >= 1 of (-1)^(j - 1) exp(-2 j^2 x^2)
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from modelwatch.exporters.statistics.distributions.gamma import Floats

# Above it the alternating series needs few terms, below it the theta function's other form does.
_MIDDLE = 0.82
# Below it the survival is 1 to the last digit.
_LEAST = 0.02
# At the middle, the first term that is left out is below 1e-17 of the sum in both.
_LOW = -(np.arange(1, 8, 2) ** 2) * math.pi**2 / 8
_ORDER = np.arange(1, 7)
_HIGH, _SIGNS = -2.0 * _ORDER**2, (-1.0) ** (_ORDER - 1)


def survival(x: ArrayLike) -> Floats:
    """P(K > x)."""
    value = np.asarray(x, dtype=np.float64)
    square = value * value
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low = 1 - math.sqrt(2 * math.pi) / value * np.exp(_LOW / square[..., None]).sum(axis=-1)
    high = 2 * (np.exp(_HIGH * square[..., None]) @ _SIGNS)
    found = np.where(value < _MIDDLE, low, high)
    return np.where(np.isnan(value), np.nan, np.where(value < _LEAST, 1.0, np.clip(found, 0, 1)))


@lru_cache(maxsize=64)
def quantile(alpha: float) -> float:
    """The value that K exceeds with probability ``alpha`` (0 < alpha < 1), by bisection."""
    low, high = 0.0, math.sqrt(-math.log(alpha / 2) / 2) + 1e-9
    while high - low > 1e-15 * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if float(survival(middle)) > alpha else (low, middle)
    return (low + high) / 2
