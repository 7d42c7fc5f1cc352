"""Where each feature's counts stand in the one vector that counters and windows are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from modelwatch.exporters.bins import CategoricalBins, NumericBins, Unbinned
from modelwatch.exporters.reference import Profile
from modelwatch.exporters.statistics import OF_HISTOGRAMS, Counts, Histograms, Method
from modelwatch.exporters.subjects import Subject, subjects
from modelwatch.model import types as t
from modelwatch.model.units import Duration


@dataclass(frozen=True, eq=False)
class Watched:
    """A feature, its bins and its block of the vector: one place for each bin, then one for values out of range.

    ``reference`` are the counts of the profile by bin. Where there is none, ``inactive`` says why and what to do.
    """

    subject: Subject
    bins: NumericBins | CategoricalBins | Unbinned
    start: int
    reference: Counts | None
    inactive: str | None

    @property
    def name(self) -> str:
        return self.subject.name

    @property
    def method(self) -> Method[Histograms]:
        return OF_HISTOGRAMS[self.subject.feature.drift.method]

    @cached_property
    def size(self) -> int:
        return len(self.bins.labels)

    @property
    def outside(self) -> int:
        """Place of the values out of range."""
        return self.start + self.size

    @property
    def width(self) -> int:
        return self.size + 1

    def counts(self, vector: Counts) -> Counts:
        """Counts by bin, shape (size,)."""
        return vector[self.start : self.start + self.size]


@dataclass(frozen=True, eq=False)
class Layout:
    """All that is counted of a model; ``width`` is the length of the vector."""

    model: t.Model
    profile: Profile | None
    watched: tuple[Watched, ...]

    @cached_property
    def width(self) -> int:
        return sum(watched.width for watched in self.watched)

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that the object ``features`` of a row may hold."""
        return frozenset(watched.name for watched in self.watched if watched.subject.role == "feature")

    @cached_property
    def windows(self) -> tuple[Duration, ...]:
        """Each window once, however often the spec names it (60m and 1h are the same)."""
        return tuple(dict.fromkeys(self.model.drift.windows))

    @cached_property
    def compared(self) -> int:
        """Features that have a reference."""
        return sum(watched.reference is not None for watched in self.watched)


def layout(model: t.Model, profile: Profile | None, without: str = "") -> Layout:
    """The layout of ``model`` over ``profile``; ``without`` says why there is none."""
    watched: list[Watched] = []
    start = 0
    for subject in subjects(model):
        bins, reference, inactive = _compared(subject, profile, without)
        watched.append(Watched(subject, bins, start, reference, inactive))
        start += watched[-1].width
    return Layout(model, profile, tuple(watched))


def _compared(
    subject: Subject, profile: Profile | None, without: str
) -> tuple[NumericBins | CategoricalBins | Unbinned, Counts | None, str | None]:
    if profile is None:
        return Unbinned(), None, without
    found = profile.feature(subject.name)
    if found is None:
        return Unbinned(), None, f"the reference has no {subject.name!r}: make it again from data that has this column"
    if found.type != subject.feature.type:
        reason = f"it is {subject.feature.type} in the spec and {found.type} in the reference: make the reference again"
        return Unbinned(), None, reason
    return found.bins, np.array(found.counts, dtype=np.int64), None
