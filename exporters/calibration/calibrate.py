"""A setting judged window by window, and which one would give at most one false alarm in 30 days."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from modelwatch.exporters.calibration.alarms import MONTH, Alarms, bootstrapped, promised, replayed
from modelwatch.exporters.calibration.history import History
from modelwatch.exporters.calibration.power import fill_needed, smallest_drift
from modelwatch.exporters.calibration.setting import Setting, Watch
from modelwatch.model.units import Duration

# A shift that people care about, for which the delay is told.
USUAL_SHIFT = 0.5
USUAL_MOVED = 0.1


@dataclass(frozen=True, slots=True)
class Sight:
    """What a window sees of one feature. ``smallest`` is None where no drift passes; ``delay`` is in seconds."""

    feature: str
    numeric: bool
    smallest: float | None
    usual: float
    delay: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A window of the spec. ``sights`` is empty, and ``inactive`` says why, where it has too few rows."""

    window: Duration
    rows: int
    alarms: Alarms
    source: str
    inactive: str | None
    sights: tuple[Sight, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """A setting that gives at most one false alarm: a rate, and thresholds of features whose history needs higher
    ones."""

    rate: float
    warnings: dict[str, float]


def judge(setting: Setting, window: Duration, rows_a_minute: float, history: History | None) -> Judgement:
    rows = round(rows_a_minute * window.seconds / 60)
    if history is not None and history.seconds is not None:
        alarms, source = replayed(setting, history, window.seconds), "replayed history"
    elif history is not None:
        alarms, source = bootstrapped(setting, history, window.seconds, rows), "rows drawn from history"
    else:
        alarms, source = promised(setting, window.seconds), "reference alone, at most"
    if rows < setting.least:
        if history is None:
            alarms = dataclasses.replace(alarms, month=0.0)
        return Judgement(window, rows, alarms, source, f"needs {setting.least} rows, gets {rows}", ())
    return Judgement(
        window, rows, alarms, source, None, tuple(_sight(setting, watch, window, rows) for watch in setting.watched)
    )


def _sight(setting: Setting, watch: Watch, window: Duration, rows: int) -> Sight:
    usual = USUAL_SHIFT if watch.numeric else USUAL_MOVED
    share = fill_needed(setting, watch, rows, usual)
    return Sight(
        watch.name,
        watch.numeric,
        smallest_drift(setting, watch, rows),
        usual,
        None if share is None else share * window.seconds,
    )


def seconds_to_fill(setting: Setting, rows_a_minute: float) -> float:
    """How long a window must be to get the rows that are asked for."""
    return setting.least / rows_a_minute * 60


def advise(setting: Setting, judgements: tuple[Judgement, ...]) -> Advice:
    """At most one false alarm in 30 days over all windows."""
    stretches = sum(MONTH / one.window.seconds for one in judgements if one.inactive is None) or 1.0
    rate = min(setting.rate, _down(1 / stretches))
    worst: dict[str, float] = {}
    if sum(one.alarms.month for one in judgements) > 1:
        for one in judgements:
            for feature, score in one.alarms.highest.items():
                worst[feature] = max(worst.get(feature, 0.0), score)
    return Advice(rate, {feature: math.ceil(score * 100 + 1) / 100 for feature, score in worst.items()})


def _down(value: float) -> float:
    """The next lower number with one digit."""
    power = 10 ** math.floor(math.log10(value))
    return float(f"{math.floor(value / power) * power:.0e}")
