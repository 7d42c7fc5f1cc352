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
    odd, divisors = _divisors(degrees.tobytes())
    half = np.clip(x / 2, 0.0, _FAR)
    root = np.sqrt(half)
    terms = half[:, None] / divisors
    # The first one is 1, or h^(1/2) / Gamma(3/2).
    terms[:, 0] = np.where(odd, root * (2 / math.sqrt(math.pi)), 1.0) * (degrees > 1)
    with np.errstate(divide="ignore"):
        # With its factor e^-h, no power of a large h is too large.
        found = np.exp(np.log(np.cumprod(terms, axis=1).sum(axis=1)) - half)
    found[odd] += [math.erfc(one) for one in root[odd].tolist()]
    return np.asarray(np.minimum(found, 1.0))


@lru_cache(maxsize=64)
def _divisors(degrees: bytes) -> tuple[NDArray[np.bool_], Floats]:
    """Which are odd, and by what h is divided from a term to the next one: j, or j + 1/2; infinity ends the sum.

    Shapes (degrees,) and (degrees, most terms). A model's are asked for again and again.
    """
    every = np.frombuffer(degrees, dtype=np.int64)
    steps = np.arange(max(int(every.max(initial=0)) // 2, 1))
    found = np.where(steps < (every // 2)[:, None], steps + (every % 2)[:, None] / 2, np.inf)
    found[:, 0] = 1.0  # of the first one, which comes from nowhere
    return every % 2 > 0, found


def quantiles(alpha: float, degrees: ArrayLike) -> Floats:
    """``quantile`` for each of ``degrees``; NaN where there is no degree of freedom.

    For 100 degrees and more it is Wilson and Hilferty's, within 1e-2 of itself from 1e-9 to 1 - 1e-9 (within 1e-3 from
    1,000 degrees on): exact ones take a search each, and numbers of rows never come twice.
    """
    wanted = np.asarray(degrees, dtype=np.float64)
    many = wanted >= 100
    if many.all():
        return _wilson_hilferty(alpha, wanted)
    found = np.full(wanted.shape, math.nan)
    found[many] = _wilson_hilferty(alpha, wanted[many])
    few = (wanted > 0) & ~many
    found[few] = [quantile(alpha, float(one)) for one in wanted[few]]
    return found


def _wilson_hilferty(alpha: float, degrees: Floats) -> Floats:
    spread = 2 / (9 * degrees)
    cube: Floats = degrees * (1 - spread - _normal(alpha) * np.sqrt(spread)) ** 3
    return cube


@lru_cache(maxsize=64)
def _normal(probability: float) -> float:
    return NormalDist().inv_cdf(probability)


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
