"""The normal distribution."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from modelwatch.exporters.statistics.distributions.gamma import Floats, upper


def survival(z: ArrayLike) -> Floats:
    """P(Z > z)."""
    value = np.asarray(z, dtype=np.float64)
    half = 0.5 * upper(0.5, value * value / 2)
    return np.where(value < 0, 1 - half, half)


def quantile(alpha: float) -> float:
    """The value that a standard normal variable exceeds with probability ``alpha``."""
    return -NormalDist().inv_cdf(alpha)


def two_sided(alpha: float) -> float:
    """The value that its absolute value exceeds with probability ``alpha``."""
    return -NormalDist().inv_cdf(alpha / 2)


def density(z: ArrayLike) -> Floats:
    value = np.asarray(z, dtype=np.float64)
    found: Floats = np.exp(-value * value / 2) / math.sqrt(2 * math.pi)
    return found
