"""How small a drift a setting still sees, and how long until it does, by drawing windows from the reference.

A numeric feature drifts by a shift of its mean: its bins are taken for those of a normal distribution with the same
shares, so that a shift of 1 is one standard deviation of a feature that is about normal. A categorical one drifts by a
share of rows that leave its most frequent value for the next one. Where rows are compared with a part of the
reference, windows are drawn from the parts of their time, at several times: what is told is the median of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist, median_low

import numpy as np

from modelwatch.exporters.calibration.setting import Setting, Watch
from modelwatch.exporters.statistics import Histograms
from modelwatch.exporters.statistics.method import Counts, Floats

WINDOWS = 200
POWER = 0.9
_NORMAL = NormalDist()
# Larger shifts are not drift but another feature.
LARGEST_SHIFT = 6.0


@dataclass(frozen=True, slots=True)
class Full:
    """A full window: its rows, and its length in seconds."""

    rows: int
    length: float


def drifted_shares(watch: Watch, size: float, reference: Floats | Counts | None = None) -> Floats:
    """The reference's shares after a drift of ``size``; the last bin, missing, keeps its share.

    ``reference`` is the part of it that is meant; all of it without.
    """
    base = watch.reference if reference is None else reference
    p: Floats = base / base.sum()
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


def smallest_drift(setting: Setting, watch: Watch, full: Full) -> float | None:
    """The least drift that a full window shows with a power of 90 %; None where none does."""
    return _least(lambda size: sees(setting, watch, full, size), largest_drift(watch))


def largest_drift(watch: Watch) -> float:
    return LARGEST_SHIFT if watch.numeric else float((watch.reference[:-1] / watch.reference.sum()).max(initial=0))


def sees(setting: Setting, watch: Watch, full: Full, size: float, share: float = 1.0) -> bool:
    """Whether a window of which ``share`` came after a drift of ``size`` shows it with a power of 90 %."""
    powers = [
        float(setting.drifted(watch, counts, sliced).mean())
        for counts, sliced in _drawn(setting, watch, full, size, share)
    ]
    return median_low(powers) >= POWER


def fill_needed(setting: Setting, watch: Watch, full: Full, size: float) -> float | None:
    """The share of the window that must have come after a drift of ``size`` for it to be seen with 90 % power."""
    return _least(lambda share: sees(setting, watch, full, size, share), 1.0)


def usual_score(setting: Setting, watch: Watch, full: Full, size: float) -> float:
    """The score that a full window exceeds with 90 % power after a drift of ``size``, whatever chance does."""
    scores = []
    for counts, sliced in _drawn(setting, watch, full, size, 1.0):
        base = setting.compared(watch, sliced)
        reference: Counts | Floats = np.broadcast_to(watch.reference, counts.shape) if base is None else base
        scores.append(float(np.quantile(np.abs(watch.method.score(Histograms(counts, reference))), 1 - POWER)))
    return median_low(scores)


def _drawn(
    setting: Setting, watch: Watch, full: Full, size: float, share: float
) -> Iterator[tuple[Counts, Counts | None]]:
    """Windows by bin, and by slice of the reference, for each time at which they may be."""
    times: list[Counts | None] = [None] if setting.parts is None else [*setting.parts.windows(full.length, full.rows)]
    for time in times:
        sliced = None if time is None else np.broadcast_to(time, (WINDOWS, len(time)))
        mixed = setting.compared(watch, None if time is None else time[None])
        base = watch.reference if mixed is None else mixed[0]
        shares = (1 - share) * base / base.sum() + share * drifted_shares(watch, size, base)
        exact = np.maximum(shares, 0) / np.maximum(shares, 0).sum()
        yield np.random.default_rng(2026).multinomial(full.rows, exact, WINDOWS), sliced


def _least(holds: Callable[[float], bool], largest: float) -> float | None:
    """The least value up to ``largest`` for which ``holds``, which is true above it, within a hundredth."""
    if not holds(largest):
        return None
    low, high = 0.0, largest
    while high - low > 0.01 * high and high > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
