"""The log-normal law, standardised: what stands in for a skewed feature of which only the kurtosis is known."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.distributions.gamma import Floats

# Newton's steps, from the side on which they cannot overshoot.
_STEPS = 40


class _Law(NamedTuple):
    """Where it is log-normal (``heavy``), the logarithm's standard deviation, and the mean and standard deviation of
    the exponential of as wide a normal variable over its median."""

    heavy: NDArray[np.bool_]
    spread: Floats
    mean: Floats
    std: Floats


@lru_cache(maxsize=256)
def _law(kurtosis: bytes) -> _Law:
    """For each kurtosis; those of a model are asked for again and again."""
    given = np.frombuffer(kurtosis)
    heavy = given > 3
    wanted = np.where(heavy, given, 4.0)
    w = (wanted + 3) ** 0.25
    for _ in range(_STEPS):
        w = w - (w**4 + 2 * w**3 + 3 * w**2 - 3 - wanted) / (4 * w**3 + 6 * w**2 + 6 * w)
    # Next to 3, differences in ``standardised`` are rounding, and a normal variable is near enough.
    heavy &= w > 1 + 1e-9
    w = np.where(heavy, w, 2.0)
    return _Law(heavy, np.sqrt(np.log(w)), np.sqrt(w), np.sqrt((w - 1) * w))


def standardised(z: Floats, kurtosis: Floats) -> Floats:
    """In standard deviations from the mean, what is as rare as ``z`` is of a normal variable; ``z`` itself where the
    kurtosis is that of a normal one, 3, or less.

    With w = exp(variance of the logarithm), the kurtosis is w^4 + 2 w^3 + 3 w^2 - 3.
    """
    law = _law(kurtosis.tobytes())
    far = (np.exp(law.spread * z) - law.mean) / law.std
    return np.where(law.heavy, far, np.where(np.isnan(kurtosis), np.nan, z))
