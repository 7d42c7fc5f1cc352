"""Upper quantiles of the chi-squared distribution, without scipy (63 MiB resident for one function)."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_TINY = 1e-300


def survival(x: float, degrees: int) -> float:
    """P(X > x): the regularised upper incomplete gamma function Q(degrees / 2, x / 2).

    Series and continued fraction as in Numerical Recipes 6.2; relative error below 1e-12.
    """
    a, z = degrees / 2, x / 2
    if z <= 0:
        return 1.0
    scale = math.exp(a * math.log(z) - z - math.lgamma(a))
    if z < a + 1:
        term = total = 1 / a
        step = a
        while term > total * 1e-17:
            step += 1
            term *= z / step
            total += term
        return 1 - scale * total
    b = z + 1 - a
    c, d = 1 / _TINY, 1 / b
    fraction = d
    for i in range(1, 10_000):
        b += 2
        factor = -i * (i - a)
        d = 1 / _not_zero(factor * d + b)
        c = _not_zero(b + factor / c)
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return scale * fraction


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


@lru_cache(maxsize=4096)
def quantile(alpha: float, degrees: int) -> float:
    """The value that a chi-squared variable exceeds with probability ``alpha`` (0 < alpha < 1).

    Newton's steps, kept between bounds, from Wilson and Hilferty's cube root approximation (1931).
    """
    if not 0 < alpha < 1 or degrees < 1:
        raise ValueError(f"no chi-squared quantile for alpha={alpha} and {degrees} degrees of freedom")
    spread = 2 / (9 * degrees)
    x = max(degrees * (1 - spread - NormalDist().inv_cdf(alpha) * math.sqrt(spread)) ** 3, 1e-12)
    low, high = 0.0, math.inf
    for _ in range(200):
        error = survival(x, degrees) - alpha
        low, high = (x, high) if error > 0 else (low, x)
        density = math.exp((degrees / 2 - 1) * math.log(x / 2) - x / 2 - math.lgamma(degrees / 2)) / 2
        step = x + error / density if density > 0 else math.inf
        # Newton may leave the bracket where the tail is nearly flat; halving never does.
        new = step if low < step < high else ((low + high) / 2 if high < math.inf else 2 * x)
        if abs(new - x) <= 1e-13 * x:
            return new
        x = new
    return x
