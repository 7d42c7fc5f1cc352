"""The log-normal law, standardised: what stands in for a skewed feature of which only the kurtosis is known."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from modelwatch.exporters.statistics.distributions.gamma import Floats

# Newton's steps, from the side on which they cannot overshoot.
_STEPS = 40


@lru_cache(maxsize=256)
def _variances(kurtosis: bytes) -> Floats:
    """w for each kurtosis; those of a model are asked for again and again."""
    wanted = np.frombuffer(kurtosis)
    w = (wanted + 3) ** 0.25
    for _ in range(_STEPS):
        w = w - (w**4 + 2 * w**3 + 3 * w**2 - 3 - wanted) / (4 * w**3 + 6 * w**2 + 6 * w)
    return np.asarray(w)


def standardised(z: Floats, kurtosis: Floats) -> Floats:
    """In standard deviations from the mean, what is as rare as ``z`` is of a normal variable; ``z`` itself where the
    kurtosis is that of a normal one, 3, or less.

    With w = exp(variance of the logarithm), the kurtosis is w^4 + 2 w^3 + 3 w^2 - 3.
    """
    heavy = kurtosis > 3
    w = _variances(np.where(heavy, kurtosis, 4.0).tobytes())
    # Next to 3 the difference below is rounding, and a normal variable is near enough.
    heavy &= w > 1 + 1e-9
    w = np.where(heavy, w, 2.0)
    spread = np.sqrt(np.log(w))
    far = (np.exp(spread * z) - np.sqrt(w)) / np.sqrt((w - 1) * w)
    return np.where(heavy, far, np.where(np.isnan(kurtosis), np.nan, z))
