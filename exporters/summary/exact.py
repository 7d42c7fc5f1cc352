"""Sums of floats without rounding: the same whatever the order, as one whole number in units of 2^-1074.

Source: Rump, Ogita and Oishi, Accurate floating-point summation (2008): with a power of two S large enough, (S + x) - S
is the part of x above S's last place, and parts of n values add up without rounding. What is left of each value is
smaller by about 35 bits, so a few rounds take all of it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UNIT = 1074
# Squares of larger values would not be finite.
LARGEST = 1e150
_LARGE = 2.0**900
_HALF, _HIGH = np.int64(1 << 26), np.int64(-(1 << 27))
_ONCE = 1 << 16


def exact_sum(values: Floats) -> int:
    """Sum of finite ``values``, shape (n,), in units of 2^-1074."""
    return sum(_some(values[start : start + _ONCE]) for start in range(0, len(values), _ONCE))


def _some(values: Floats) -> int:
    left = values
    most = float(np.abs(left).max(initial=0.0))
    if most >= _LARGE:
        # The power of two would not be finite; dividing what is large by one loses nothing.
        large = np.abs(left) >= _LARGE
        return (_some(left[large] * 2.0**-200) << 200) + _some(left[~large])
    total = 0
    while most > 0:
        power = math.ldexp(1.0, math.frexp(most)[1] + (len(left) + 2).bit_length())
        part = (left + power) - power
        total += whole(float(part.sum()))
        left = left - part
        most = float(np.abs(left).max())
    return total


def whole(value: float) -> int:
    """A finite float in units of 2^-1074."""
    top, bottom = value.as_integer_ratio()
    return top * ((1 << UNIT) // bottom)


def exact_squares(values: Floats) -> int:
    """Sum of the squares of finite ``values`` up to LARGEST, in units of 2^-1074; below 2^-969 they lose digits."""
    # Rounded to 26 bits, which leaves 26 with a sign; then each part of x^2 = high^2 + 2 high low + low^2 is exact.
    high = ((values.view(np.int64) + _HALF) & _HIGH).view(np.float64)
    low = values - high
    return exact_sum(high * high) + 2 * exact_sum(high * low) + exact_sum(low * low)


def mean(total: int, n: int) -> float:
    """The float nearest to ``total`` units over ``n``."""
    return total / (n << UNIT)


def deviation(total: int, squares: int, n: int) -> float:
    """Standard deviation (ddof 0) from sums in units of 2^-1074."""
    spread = max((n * squares << UNIT) - total * total, 0)
    # In units of 2^-2148; the root of a number with 128 more bits is right to more digits than a float has.
    return math.isqrt(spread << 128) / (n << (UNIT + 64))
