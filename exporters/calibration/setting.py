"""The setting that is judged: what is watched, over which reference, and when it counts as drift."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.calibration.parts import Parts, parts
from modelwatch.exporters.reference import Profile
from modelwatch.exporters.statistics import OF_HISTOGRAMS
from modelwatch.exporters.statistics.detection import detected
from modelwatch.exporters.statistics.looks import per_look
from modelwatch.exporters.statistics.method import Counts, Floats, Histograms, Method
from modelwatch.exporters.subjects import Subject, subjects
from modelwatch.model import defaults
from modelwatch.model import types as t

DRIFT_PSI: t.DriftMethod = "psi"


@dataclass(frozen=True, eq=False)
class Watch:
    """One distribution: its reference by bin, shape (bins,), and whether its bins are in the order of values."""

    subject: Subject
    reference: Counts

    @property
    def name(self) -> str:
        return self.subject.name

    @property
    def numeric(self) -> bool:
        return self.subject.numeric

    @property
    def method(self) -> Method[Histograms]:
        """PSI stands for methods that bins alone do not tell."""
        return OF_HISTOGRAMS.get(self.subject.feature.drift.method, OF_HISTOGRAMS["psi"])

    @property
    def warning(self) -> float:
        """A score of ``method``: as much drift as the spec's threshold."""
        drift = self.subject.feature.drift
        if drift.method == self.method.name:
            return float(drift.warning)
        # For small drifts PSI grows with the square of a distance or shift.
        usual, psi = (float(defaults.DRIFT_THRESHOLDS[method][0]) for method in (drift.method, DRIFT_PSI))
        return psi * (float(drift.warning) / usual) ** 2

    def threshold(self, score: float) -> float:
        """The spec's threshold for a score of ``method``: what ``warning`` does, backwards."""
        drift = self.subject.feature.drift
        if drift.method == self.method.name:
            return score
        usual, psi = (float(defaults.DRIFT_THRESHOLDS[method][0]) for method in (drift.method, DRIFT_PSI))
        return float(usual * (score / psi) ** 0.5)

    def warned_at(self, warning: float) -> Watch:
        """The same with another ``drift.warning``."""
        feature = self.subject.feature
        drift = dataclasses.replace(feature.drift, warning=Decimal(str(warning)))
        return Watch(
            dataclasses.replace(self.subject, feature=dataclasses.replace(feature, drift=drift)), self.reference
        )


@dataclass(frozen=True, eq=False)
class Setting:
    """``rate`` and ``least`` are the spec's false_alarm_rate and min_samples."""

    watched: tuple[Watch, ...]
    rate: float
    least: int
    parts: Parts | None = None

    @cached_property
    def alpha(self) -> float:
        filled = max((int(np.count_nonzero(one.reference)) for one in self.watched), default=2)
        return per_look(self.rate, len(self.watched), filled - 1)

    def drifted(self, watch: Watch, counts: Counts, sliced: Counts | None = None) -> NDArray[np.bool_]:
        """Whether windows with ``counts``, shape (windows, bins), are called drifted.

        ``sliced`` are their rows by slice of the reference, where it is known, shape (windows, slices).
        """
        found = np.zeros(len(counts), dtype=bool)
        enough = np.flatnonzero(counts.sum(axis=1) >= self.least)
        if len(enough):
            found[enough] = detected(
                watch.method,
                counts[enough],
                watch.reference,
                watch.warning,
                self.alpha,
                parts=self.compared(watch, None if sliced is None else sliced[enough]),
            )
        return found

    def compared(self, watch: Watch, sliced: Counts | None) -> Floats | None:
        """What windows with ``sliced`` rows by slice are compared with, (windows, bins); None: all of the reference."""
        if sliced is None or self.parts is None:
            return None
        return self.parts.reference(watch.name, sliced)[:, : len(watch.reference)]


def setting(model: t.Model, profile: Profile, rate: float | None = None) -> Setting:
    """What the spec says of ``model``; features that the profile lacks or knows as another type are left out."""
    watched = []
    for subject in subjects(model):
        found = profile.feature(subject.name)
        if found is not None and found.type == subject.feature.type:
            watched.append(Watch(subject, np.array(found.counts, dtype=np.int64)))
    policy = model.drift
    chosen = float(policy.false_alarm_rate) if rate is None else rate
    return Setting(tuple(watched), chosen, policy.min_samples, parts(model, profile))
