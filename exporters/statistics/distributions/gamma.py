"""The gamma function's logarithm and the regularised incomplete gamma function."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Stirling's series: B_2k / (2k (2k - 1)) for k = 1 to 8; with x >= 10 its error is below 1e-17.
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
_LEAST = 10
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_TINY = 1e-300


def log_gamma(x: ArrayLike) -> Floats:
    """ln Gamma(x) for x > 0, by Stirling's series at x + 10 where x is small."""
    values = np.asarray(x, dtype=np.float64)
    small = values < _LEAST
    shifted = np.where(small, values + _LEAST, values)
    square = 1 / (shifted * shifted)
    series = np.zeros_like(shifted)
    for coefficient in reversed(_STIRLING):
        series = series * square + coefficient
    found: Floats = (shifted - 0.5) * np.log(shifted) - shifted + _HALF_LOG_TWO_PI + series / shifted
    if small.any():
        low = values[small]
        product = np.ones_like(low)
        for step in range(_LEAST):
            product *= low + step
        found[small] -= np.log(product)
    return found


def upper(a: ArrayLike, x: ArrayLike) -> Floats:
    """Q(a, x) = Gamma(a, x) / Gamma(a) for a > 0; 1 where x <= 0.

    Series below x = a + 1, Lentz's continued fraction above (Numerical Recipes 6.2).
    """
    shape, value = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(x, dtype=np.float64))
    found = np.ones(shape.shape)
    found[np.isnan(value)] = np.nan
    found[np.isposinf(value)] = 0.0
    low = (value > 0) & (value < shape + 1)
    high = (value >= shape + 1) & np.isfinite(value)
    found[low] = 1 - _series(shape[low], value[low])
    found[high] = _fraction(shape[high], value[high])
    return found


def _front(a: Floats, x: Floats) -> Floats:
    front: Floats = np.exp(a * np.log(x) - x - log_gamma(a))
    return front


def _series(a: Floats, x: Floats) -> Floats:
    term = 1 / a
    total = term.copy()
    step = a.copy()
    while np.any(term > total * 1e-17):
        step += 1
        term = term * x / step
        total += term
    return _front(a, x) * total


def _fraction(a: Floats, x: Floats) -> Floats:
    b = x + 1 - a
    c, d = np.full_like(x, 1 / _TINY), 1 / b
    fraction = d.copy()
    for i in range(1, 10_000):
        b = b + 2
        factor = -i * (i - a)
        d = 1 / _not_zero(factor * d + b)
        c = _not_zero(b + factor / c)
        fraction *= c * d
        if np.all(np.abs(c * d - 1) < 1e-15):
            break
    return _front(a, x) * fraction


def _not_zero(values: Floats) -> Floats:
    return np.where(np.abs(values) > _TINY, values, _TINY)
