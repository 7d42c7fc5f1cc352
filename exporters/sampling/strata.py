"""Why a row may be worth keeping: each reason is one small function over columns.

A row can have several reasons. They are one bit each of a *mask*; a row with none is of the stratum ``rest``.
"""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from modelwatch.model import types as t

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

STRATA: tuple[t.Stratum, ...] = get_args(t.Stratum)
REASONS = STRATA[:-1]
REST = len(REASONS)
MASKS = 1 << len(REASONS)
# Which strata the rows of each mask are in, shape (MASKS, strata).
MEMBERS: Mask = np.array(
    [[bool(mask >> bit & 1) for bit in range(len(REASONS))] + [mask == 0] for mask in range(MASKS)]
)


def names(mask: int) -> tuple[t.Stratum, ...]:
    """The strata of a mask."""
    return tuple(name for name, inside in zip(STRATA, MEMBERS[mask], strict=True) if inside)


def below(values: Floats, limit: float) -> Mask:
    """Whether each value, shape (n,), is below; NaN never is."""
    return values < limit


def outside(values: Floats, low: float | Floats, high: float | Floats) -> Mask:
    """Whether each value is below ``low`` or above ``high``; NaN never is."""
    return (values < low) | (values > high)
