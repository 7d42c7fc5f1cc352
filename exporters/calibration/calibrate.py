"""A setting judged window by window."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from modelwatch.exporters.calibration.alarms import Alarms, bootstrapped, promised, replayed
from modelwatch.exporters.calibration.history import History
from modelwatch.exporters.calibration.power import Full, fill_needed, smallest_drift
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


def usual_drift(watch: Watch) -> float:
    return USUAL_SHIFT if watch.numeric else USUAL_MOVED


def _sight(setting: Setting, watch: Watch, window: Duration, rows: int) -> Sight:
    usual, full = usual_drift(watch), Full(rows, window.seconds)
    share = fill_needed(setting, watch, full, usual)
    return Sight(
        watch.name,
        watch.numeric,
        smallest_drift(setting, watch, full),
        usual,
        None if share is None else share * window.seconds,
    )


def seconds_to_fill(setting: Setting, rows_a_minute: float) -> float:
    """How long a window must be to get the rows that are asked for."""
    return setting.least / rows_a_minute * 60
