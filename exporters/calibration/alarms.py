"""How many false alarms a setting gives in 30 days.

From history with times: its rows are replayed through the sliding window, 60 looks in a window's length, and every
feature that begins to be called drifted counts, once until it has been quiet for a window's length. From history
without times: windows are drawn from its rows (bootstrap). Without history: the bound that the setting promises, for
windows like the reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelwatch.exporters.calibration.history import History
from modelwatch.exporters.calibration.setting import Setting, Watch
from modelwatch.exporters.statistics import Histograms
from modelwatch.exporters.statistics.method import Counts, Floats

SLOTS = 60
MONTH = 30 * 86_400
BOOTSTRAPS = 500


@dataclass(frozen=True, slots=True)
class Alarms:
    """``month`` is the number in 30 days, by ``feature`` too; ``highest`` the score that a feature's alarms reach."""

    month: float
    feature: dict[str, float]
    highest: dict[str, float]


def promised(setting: Setting, window: float) -> Alarms:
    """What windows like the reference give at the most."""
    return Alarms(setting.rate * MONTH / window, {}, {})


def replayed(setting: Setting, history: History, window: float) -> Alarms:
    """What the sliding window would have called drifted, for 30 days of such a history."""
    length = window / SLOTS
    by_feature, highest = {}, {}
    days = history.days or 0.0
    slices = history.sliced(length)
    sliced = None if slices is None else _windows(slices)
    for watch in setting.watched:
        if watch.name not in history.codes:
            continue
        slots = history.slots(watch, length)
        if len(slots) <= SLOTS:
            continue
        counts = _windows(slots)
        found = setting.drifted(watch, counts, sliced)
        looks = np.flatnonzero(found)
        if len(looks):
            begun = 1 + int((np.diff(looks) > SLOTS).sum())
            # The window's own length is where the first window fills.
            by_feature[watch.name] = begun * 30 / max(days - window / 86_400, window / 86_400)
            mixed = setting.compared(watch, None if sliced is None else sliced[found])
            highest[watch.name] = _highest(watch, counts[found], mixed)
    return Alarms(sum(by_feature.values()), by_feature, highest)


def _windows(slots: Counts) -> Counts:
    """Every window of all slots in a row, from slots of shape (slots, bins)."""
    total = np.cumsum(np.concatenate([np.zeros((1, slots.shape[1]), dtype=np.int64), slots]), axis=0)
    return np.asarray(total[SLOTS:] - total[:-SLOTS])


def bootstrapped(setting: Setting, history: History, window: float, rows: int) -> Alarms:
    """What windows of rows drawn from the history would give, one look in each window's length."""
    rng = np.random.default_rng(2026)
    by_feature, highest = {}, {}
    for watch in setting.watched:
        if watch.name not in history.codes:
            continue
        past = np.bincount(history.codes[watch.name], minlength=len(watch.reference))
        counts = rng.multinomial(rows, past / past.sum(), BOOTSTRAPS)
        found = setting.drifted(watch, counts)
        if found.any():
            by_feature[watch.name] = float(found.mean()) * MONTH / window
            highest[watch.name] = _highest(watch, counts[found])
    return Alarms(sum(by_feature.values()) + setting.rate * MONTH / window, by_feature, highest)


def _highest(watch: Watch, counts: Counts, mixed: Floats | None = None) -> float:
    """``mixed`` is what the windows are compared with where that is not the whole reference."""
    base: Counts | Floats = np.broadcast_to(watch.reference, counts.shape) if mixed is None else mixed
    return float(np.nanmax(watch.method.score(Histograms(counts, base))))
