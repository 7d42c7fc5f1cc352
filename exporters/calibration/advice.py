"""Which setting would give at most one false alarm in 30 days, and what would have an unseen drift seen."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from modelwatch.exporters.calibration.alarms import MONTH, replayed
from modelwatch.exporters.calibration.calibrate import Judgement, usual_drift
from modelwatch.exporters.calibration.history import History
from modelwatch.exporters.calibration.power import Full, largest_drift, sees, usual_score
from modelwatch.exporters.calibration.setting import Setting, Watch, setting
from modelwatch.exporters.reference import Profile
from modelwatch.exporters.statistics import OF_HISTOGRAMS
from modelwatch.model import defaults
from modelwatch.model import types as t

# More rows than that are no advice.
MANY = 100
_SEASONS: tuple[t.Same, ...] = ("hour", "weekday")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a distribution needs, as the spec writes it. ``blind``: its warning would be above its present critical."""

    watch: Watch
    warning: float
    critical: float
    blind: bool


@dataclass(frozen=True, slots=True)
class Season:
    """Rows compared like with like: how many false alarms are left in 30 days."""

    same: t.Same
    month: float


@dataclass(frozen=True, slots=True)
class Advice:
    """A setting that gives at most one false alarm: a rate, a season to compare by, and thresholds of what still
    differs too much. ``season`` is None where none helps."""

    rate: float
    thresholds: tuple[Thresholds, ...]
    season: Season | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """What shows a drift that is not seen: the usual one, or with ``any`` the largest that there is.

    ``warning`` is a threshold that shows it with as many rows as there are; ``rows`` says whether more rows do with the
    threshold as it is.
    """

    feature: str
    any: bool
    warning: float | None
    rows: bool


def advise(setting: Setting, judgements: tuple[Judgement, ...], season: Season | None = None) -> Advice:
    """At most one false alarm in 30 days over all windows."""
    stretches = sum(MONTH / one.window.seconds for one in judgements if one.inactive is None) or 1.0
    rate = min(setting.rate, _down(1 / stretches))
    worst: dict[str, float] = {}
    if _month(judgements) > 1:
        for one in judgements:
            for feature, score in one.alarms.highest.items():
                worst[feature] = max(worst.get(feature, 0.0), score)
    found = (_thresholds(watch, worst[watch.name]) for watch in setting.watched if watch.name in worst)
    return Advice(rate, tuple(found), season)


def advise_on(
    model: t.Model, profile: Profile, setting: Setting, judgements: tuple[Judgement, ...], history: History | None
) -> Advice:
    """The same, and compared like with like where the history's alarms come from its hours or weekdays."""
    found = None if history is None else _quieter(model, profile, setting, judgements, history)
    return advise(setting, judgements) if found is None else advise(*found)


def may_be_seasonal(profile: Profile, model: t.Model, judgements: tuple[Judgement, ...], history: History) -> bool:
    """Whether hours might explain the alarms, and the reference has none to try."""
    loud = _month(judgements) > 1 and history.days is not None and history.days > 1
    return loud and model.drift.same is None and profile.seasons is None


def _quieter(
    model: t.Model, profile: Profile, before: Setting, judgements: tuple[Judgement, ...], history: History
) -> tuple[Setting, tuple[Judgement, ...], Season] | None:
    """The season that leaves the fewest alarms, if at most half of them; None where none does or may be tried."""
    month = _month(judgements)
    # Parts of a reference are known by bins, which not every method takes.
    binned = all(watch.subject.feature.drift.method in OF_HISTOGRAMS for watch in before.watched)
    if month <= 1 or model.drift.same is not None or profile.seasons is None or history.seconds is None or not binned:
        return None
    tried = []
    for same in _SEASONS:
        other = setting(
            dataclasses.replace(model, drift=dataclasses.replace(model.drift, same=same)), profile, before.rate
        )
        past = history.beside(other.parts, profile)
        found = tuple(dataclasses.replace(one, alarms=replayed(other, past, one.window.seconds)) for one in judgements)
        tried.append((other, found, Season(same, _month(found))))
    best = min(tried, key=lambda one: one[2].month)
    return best if best[2].month * 2 <= month else None


def _month(judgements: tuple[Judgement, ...]) -> float:
    return sum(one.alarms.month for one in judgements)


def _thresholds(watch: Watch, score: float) -> Thresholds:
    """Both, in order, and no higher than a score of the method can be."""
    drift = watch.subject.feature.drift
    highest = 1.0 if drift.method in defaults.BOUNDED_METHODS else math.inf
    warning = min(math.ceil(watch.threshold(score) * 100 + 1) / 100, highest)
    present = float(drift.critical)
    usual, far = defaults.DRIFT_THRESHOLDS[drift.method]
    raised = min(math.ceil(warning * float(far / usual) * 100) / 100, highest)
    blind = warning > present
    return Thresholds(watch, warning, raised if blind else present, blind)


def remedies(setting: Setting, judgements: tuple[Judgement, ...]) -> tuple[Remedy, ...]:
    """For each distribution whose usual drift no window shows."""
    seeing = [one for one in judgements if not one.inactive]
    if not seeing:
        return ()
    longest = max(seeing, key=lambda one: one.rows)
    found = []
    for place, watch in enumerate(setting.watched):
        sights = [one.sights[place] for one in seeing]
        if all(sight.delay is None for sight in sights):
            found.append(_remedy(setting, watch, longest, all(sight.smallest is None for sight in sights)))
    return tuple(found)


def _remedy(setting: Setting, watch: Watch, judged: Judgement, any: bool) -> Remedy:
    full = Full(judged.rows, judged.window.seconds)
    size = largest_drift(watch) if any else usual_drift(watch)
    score = usual_score(setting, watch, full, size)
    lower = _two_digits(watch.threshold(score)) if math.isfinite(score) and score > 0 else 0.0
    # A drift that shows with the threshold as it is has another enemy: chance.
    works = 0 < lower < float(watch.subject.feature.drift.warning) and sees(setting, watch.warned_at(lower), full, size)
    many = Full(full.rows * MANY, full.length)
    return Remedy(watch.name, any, lower if works else None, sees(setting, watch, many, size))


def _two_digits(value: float) -> float:
    """The next lower number with two digits."""
    power = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.floor(value / power) * power:.1e}")


def _down(value: float) -> float:
    """The next lower number with one digit."""
    power = 10 ** math.floor(math.log10(value))
    return float(f"{math.floor(value / power) * power:.0e}")
