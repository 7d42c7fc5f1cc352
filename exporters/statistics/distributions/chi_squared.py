"""The chi-squared distribution; degrees of freedom need not be whole."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelwatch.exporters.statistics.distributions.gamma import Floats, upper


def survival(x: ArrayLike, degrees: ArrayLike) -> Floats:
    """P(X > x) = Q(degrees / 2, x / 2)."""
    return upper(np.asarray(degrees, dtype=np.float64) / 2, np.asarray(x, dtype=np.float64) / 2)


# So many degrees of freedom are few, and so large a half of x leaves nothing of Q.
_FEW, _FAR = 60, 1e6


def survival_of_whole(x: Floats, degrees: NDArray[np.int64]) -> Floats:
    """``survival`` for whole numbers of degrees, in a tenth of the time where they are few.

    A finite sum of positive terms (Abramowitz and Stegun 26.4.4 and 26.4.5): with h = x / 2,

        Q = e^-h sum over 0 <= j < degrees / 2 of h^j / j!                              for even degrees
        Q = erfc(sqrt(h)) + e^-h sum over 1 <= j < (degrees + 1) / 2 of h^(j - 1/2) / Gamma(j + 1/2)     for odd ones
    """
    few = degrees <= _FEW
    if few.all():
        return _sum(x, degrees)
    found = np.empty(len(x))
    found[few] = _sum(x[few], degrees[few])
    found[~few] = survival(x[~few], degrees[~few])
    return found


def _sum(x: Floats, degrees: NDArray[np.int64]) -> Floats:
    most = int(degrees.max(initial=0))
    half, odd = np.clip(x / 2, 0.0, _FAR), degrees % 2
    root = np.sqrt(half)
    # Each term is the one before times h over j, or over j + 1/2.
    steps = np.arange(1, (most + 1) // 2)
    terms = half[:, None] / (steps + odd[:, None] / 2)
    first = np.where(odd, root * (2 / math.sqrt(math.pi)), 1.0)
    sums = first[:, None] * np.cumprod(np.concatenate([np.ones((len(x), 1)), terms], axis=1), axis=1)
    there = np.arange(len(steps) + 1) < (degrees // 2)[:, None]
    with np.errstate(divide="ignore"):
        # With its factor e^-h, no power of a large h is too large.
        found = np.exp(np.log(np.where(there, sums, 0.0).sum(axis=1)) - half)
    found[odd > 0] += [math.erfc(one) for one in root[odd > 0].tolist()]
    return np.asarray(np.minimum(found, 1.0))


def quantiles(alpha: float, degrees: ArrayLike) -> Floats:
    """``quantile`` for each of ``degrees``; NaN where there is no degree of freedom.

    For 100 degrees and more it is Wilson and Hilferty's, within 1e-2 of itself from 1e-9 to 1 - 1e-9 (within 1e-3 from
    1,000 degrees on): exact ones take a search each, and numbers of rows never come twice.
    """
    wanted = np.asarray(degrees, dtype=np.float64)
    many = wanted >= 100
    found = np.full(wanted.shape, math.nan)
    found[many] = _wilson_hilferty(alpha, wanted[many])
    few = (wanted > 0) & ~many
    found[few] = [quantile(alpha, float(one)) for one in wanted[few]]
    return found


def _wilson_hilferty(alpha: float, degrees: Floats) -> Floats:
    spread = 2 / (9 * degrees)
    cube: Floats = degrees * (1 - spread - NormalDist().inv_cdf(alpha) * np.sqrt(spread)) ** 3
    return cube


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
