"""The strata of one model: which columns each of them looks at, and with what limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import NumericBins
from modelwatch.exporters.layout import Layout, Watched
from modelwatch.exporters.reference import FeatureProfile
from modelwatch.exporters.sampling.drifting import LIKELY, Drifting
from modelwatch.exporters.sampling.rows import Rows, Where, bins
from modelwatch.exporters.sampling.strata import REASONS, Floats, Mask, below, outside
from modelwatch.exporters.subjects import CONFIDENCE, PREDICTION, Subject
from modelwatch.model import types as t

# Share of the reference from which a category, an end of a distribution, or missing values count as rare.
RARE = 0.001
# Rows of which all features are looked at together; more would not stay in the processor's cache.
_FEW = 2048


@dataclass(frozen=True, slots=True)
class ByNumber:
    subject: Subject
    flags: Callable[[Floats], Mask]

    def of(self, rows: Rows, where: Where | None) -> Mask:
        values = rows.numbers(self.subject)
        return self.flags(values if where is None else values[where])


@dataclass(frozen=True, slots=True, eq=False)
class ByLimits:
    """Values of any of ``subjects`` below its low or above its high limit, both of shape (subjects,).

    With ``whole`` a missing value is outside too. One test for all, since a request of a few rows costs by the call.
    """

    subjects: tuple[Subject, ...]
    low: Floats
    high: Floats
    whole: bool

    def of(self, rows: Rows, where: Where | None) -> Mask:
        columns = [rows.numbers(subject) for subject in self.subjects]
        if where is not None:
            columns = [column[where] for column in columns]
        if len(columns[0]) <= _FEW:
            together = self._outside(np.array(columns), self.low[:, None], self.high[:, None])
            found: Mask = np.logical_or.reduce(together, axis=0)
            return found
        flags = np.zeros(len(columns[0]), dtype=np.bool_)
        for column, low, high in zip(columns, self.low, self.high, strict=True):
            flags |= self._outside(column, low, high)
        return flags

    def _outside(self, values: Floats, low: Floats, high: Floats) -> Mask:
        # NaN fails every comparison.
        return ~((values >= low) & (values <= high)) if self.whole else outside(values, low, high)


@dataclass(frozen=True, slots=True)
class ByText:
    """Texts that are one of ``wanted``."""

    subject: Subject
    wanted: frozenset[str]

    def of(self, rows: Rows, where: Where | None) -> Mask:
        codes, distinct = rows.texts(self.subject)
        flags = np.array([*(text in self.wanted for text in distinct), False], dtype=np.bool_)
        found: Mask = flags[codes if where is None else codes[where]]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class ByBin:
    """``flags`` by bin."""

    watched: Watched
    flags: Mask

    def of(self, rows: Rows, where: Where | None) -> Mask:
        found: Mask = self.flags[bins(self.watched, rows, where)]
        return found


@dataclass(frozen=True, slots=True)
class ByIntervals:
    """Values above the low and up to the high end of any interval; with ``missing`` those that are missing too."""

    subject: Subject
    intervals: tuple[tuple[float, float], ...]
    missing: bool

    def of(self, rows: Rows, where: Where | None) -> Mask:
        values = rows.numbers(self.subject)
        if where is not None:
            values = values[where]
        flags: Mask = np.isnan(values) if self.missing else np.zeros(len(values), dtype=np.bool_)
        for low, high in self.intervals:
            flags |= (values > low) & (values <= high)
        return flags


Test = ByIntervals | ByNumber | ByLimits | ByText | ByBin


@dataclass(frozen=True, slots=True)
class Criteria:
    """``tests`` by reason, in the order of ``REASONS``: a row has the reason when any of its tests says so."""

    tests: tuple[tuple[Test, ...], ...]

    def flags(self, reason: int, rows: Rows, where: Where | None, count: int) -> Mask:
        """Whether each of the rows ``where`` (all of them for None), ``count`` in number, has the reason."""
        found = np.zeros(count, dtype=np.bool_)
        for test in self.tests[reason]:
            found |= test.of(rows, where)
        return found

    def masks(self, rows: Rows, where: Where | None) -> NDArray[np.uint8]:
        """All reasons of the rows ``where`` (all of them for None), one bit each."""
        count = rows.count if where is None else len(where)
        found = np.zeros(count, dtype=np.uint8)
        for reason in range(len(REASONS)):
            found |= self.flags(reason, rows, where, count).view(np.uint8) << reason
        return found


def criteria(layout: Layout, sampling: t.Sampling, drifting: tuple[Drifting, ...]) -> Criteria:
    """A stratum with a share of 0 flags nothing, so that its rows count for what else they are."""
    tests = {
        "unsure": _unsure(layout),
        "risky": _risky(layout, sampling.risky),
        "edge": _edge(layout),
        "drifted": _drifted(layout, drifting),
    }
    return Criteria(tuple(tuple(tests[name]) if sampling.strata[name] > 0 else () for name in REASONS))


def _answer(layout: Layout, role: str) -> Subject | None:
    return next((watched.subject for watched in layout.watched if watched.subject.role == role), None)


def _unsure(layout: Layout) -> Iterator[Test]:
    subject, limit = _answer(layout, CONFIDENCE), float(layout.model.tracing.low_confidence)
    if subject is not None:
        yield ByNumber(subject, lambda values: below(values, limit))


def _risky(layout: Layout, risky: t.Risky) -> Iterator[Test]:
    subject = _answer(layout, PREDICTION)
    if subject is None:
        return
    if not subject.numeric:
        classes = frozenset(risky.classes)
        if classes:
            yield ByText(subject, classes)
    elif risky.above is not None or risky.below is not None:
        low = -math.inf if risky.below is None else float(risky.below)
        high = math.inf if risky.above is None else float(risky.above)
        yield ByNumber(subject, lambda values: outside(values, low, high))


def _edge(layout: Layout) -> Iterator[Test]:
    whole: list[tuple[Subject, float, float]] = []
    present: list[tuple[Subject, float, float]] = []
    for watched in layout.watched:
        if watched.subject.role != "feature":
            continue
        found = layout.profile.feature(watched.name) if layout.profile and watched.reference is not None else None
        if watched.subject.numeric:
            # Where the reference hardly ever lacks a value, a missing one is an edge.
            rarely = found is not None and shares(found)[-1] < RARE
            (whole if rarely else present).append((watched.subject, *_limits(watched.subject, found)))
        elif found is not None:
            yield ByBin(watched, np.array(shares(found)) < RARE)
    present = [one for one in present if one[1:] != (-math.inf, math.inf)]
    for together, is_whole in ((whole, True), (present, False)):
        if together:
            subjects, low, high = zip(*together, strict=True)
            yield ByLimits(subjects, np.array(low), np.array(high), is_whole)


def _limits(subject: Subject, found: FeatureProfile | None) -> tuple[float, float]:
    low, high = map(float, subject.feature.range) if subject.feature.range is not None else (-math.inf, math.inf)
    if found is None:
        return low, high
    ends = tails(found)
    return max(low, ends[0]), min(high, ends[1])


def shares(found: FeatureProfile) -> list[float]:
    """Share of the reference in each bin; 1 everywhere where the reference is empty, so that nothing is rare."""
    total = sum(found.counts)
    return [count / total if total else 1.0 for count in found.counts]


def tails(found: FeatureProfile) -> tuple[float, float]:
    """What lies below the first or above the second is rare in the reference, or beyond its extremes."""
    low = -math.inf if found.minimum is None else found.minimum
    high = math.inf if found.maximum is None else found.maximum
    if not isinstance(found.bins, NumericBins) or not found.bins.edges:
        return low, high
    edges, held = upper_edges(found.bins), shares(found)[:-1]
    rare = np.cumsum(held) < RARE
    if rare[0]:
        # The bin holds its upper edge.
        low = max(low, math.nextafter(edges[int(np.flatnonzero(rare)[-1])], math.inf)) if not rare.all() else low
    rare = np.cumsum(held[::-1]) < RARE
    if rare[0] and not rare.all():
        high = min(high, edges[-1 - int(np.flatnonzero(rare)[-1])])
    return low, high


def _drifted(layout: Layout, drifting: tuple[Drifting, ...]) -> Iterator[Test]:
    by_name = {watched.name: watched for watched in layout.watched}
    for drift in drifting:
        watched = by_name.get(drift.name)
        if watched is not None and len(watched.bins.labels) == len(drift.ratios):
            likely = drift.ratios >= LIKELY
            # A row that does not say what the model answered is no row of the distribution of answers.
            likely[-1] &= watched.subject.role == "feature"
            if isinstance(watched.bins, NumericBins):
                # Comparing is ten times as fast as looking for the bin, and all features can be in drift at once.
                yield ByIntervals(watched.subject, intervals(watched.bins, likely), bool(likely[-1]))
            else:
                yield ByBin(watched, likely)


def intervals(found: NumericBins, flags: Mask) -> tuple[tuple[float, float], ...]:
    """The flagged bins, those side by side as one; each without its low and with its high end."""
    ends = (-math.inf, *upper_edges(found), math.inf)
    joined: list[tuple[float, float]] = []
    for low, high, flag in zip(ends[:-1], ends[1:], flags[:-1], strict=True):
        if flag and joined and joined[-1][1] == low:
            joined[-1] = (joined[-1][0], high)
        elif flag:
            joined.append((low, high))
    return tuple(joined)


def upper_edges(found: NumericBins) -> tuple[float, ...]:
    """The highest value of each bin but the last, which has none."""
    first = (math.nextafter(found.edges[0], -math.inf),) if found.underflow else ()
    return (*first, *found.edges)
