"""How small a drift a setting still sees, and how long until it does, by drawing windows from the reference.

A numeric feature drifts by a shift of its mean: its bins are taken for those of a normal distribution with the same
shares, so that a shift of 1 is one standard deviation of a feature that is about normal. A categorical one drifts by a
share of rows that leave its most frequent value for the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from modelwatch.exporters.calibration.setting import Setting, Watch
from modelwatch.exporters.statistics.method import Floats

WINDOWS = 200
POWER = 0.9
_NORMAL = NormalDist()
# Larger shifts are not drift but another feature.
LARGEST_SHIFT = 6.0


def drifted_shares(watch: Watch, size: float) -> Floats:
    """The reference's shares after a drift of ``size``; the last bin, missing, keeps its share."""
    p: Floats = watch.reference / watch.reference.sum()
    if not watch.numeric:
        first, second = np.argsort(-p[:-1], kind="stable")[:2] if len(p) > 2 else (0, len(p) - 1)
        moved: Floats = p.copy()
        moved[first] -= min(size, float(p[first]))
        moved[second] += min(size, float(p[first]))
        return moved
    present = 1 - p[-1]
    if present <= 0:
        return p
    below = np.clip(np.concatenate([[0.0], np.cumsum(p[:-1])]) / present, 0, 1)
    shifted = np.array([_NORMAL.cdf(_quantile(x) - size) for x in below])
    return np.append(np.maximum(np.diff(shifted), 0) * present, p[-1])


def _quantile(share: float) -> float:
    if share <= 1e-12:
        return -np.inf
    return np.inf if share >= 1 - 1e-12 else _NORMAL.inv_cdf(share)


def smallest_drift(setting: Setting, watch: Watch, rows: int) -> float | None:
    """The least drift that a full window of ``rows`` rows shows with a power of 90 %; None where none does."""
    largest = LARGEST_SHIFT if watch.numeric else float((watch.reference[:-1] / watch.reference.sum()).max(initial=0))

    def seen(size: float) -> bool:
        return _power(setting, watch, drifted_shares(watch, size), rows) >= POWER

    return _least(seen, largest)


def fill_needed(setting: Setting, watch: Watch, rows: int, size: float) -> float | None:
    """The share of the window that must have come after a drift of ``size`` for it to be seen with 90 % power."""
    p, q = watch.reference / watch.reference.sum(), drifted_shares(watch, size)
    return _least(lambda share: _power(setting, watch, (1 - share) * p + share * q, rows) >= POWER, 1.0)


def _power(setting: Setting, watch: Watch, shares: Floats, rows: int) -> float:
    rng = np.random.default_rng(2026)
    exact = np.maximum(shares, 0) / np.maximum(shares, 0).sum()
    return float(setting.drifted(watch, rng.multinomial(rows, exact, WINDOWS)).mean())


def _least(holds: Callable[[float], bool], largest: float) -> float | None:
    """The least value up to ``largest`` for which ``holds``, which is true above it, within a hundredth."""
    if not holds(largest):
        return None
    low, high = 0.0, largest
    while high - low > 0.01 * high and high > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
