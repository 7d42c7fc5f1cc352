"""All that is kept of the rows of a model while its profile is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.reference import (
    Correlations,
    FeatureProfile,
    Profile,
    ProfileError,
    Seasons,
    Segments,
)
from modelwatch.exporters.summary.column import Numbers, Texts
from modelwatch.exporters.summary.components import components
from modelwatch.exporters.summary.groups import LEAST_ROWS, Codes, Column, Groups
from modelwatch.exporters.summary.numeric import categorical_feature, numeric_feature
from modelwatch.exporters.summary.products import BLOCK, Products
from modelwatch.exporters.summary.sample import RowSample

Run = Callable[[Callable[[Callable[[], None]], None], Iterable[Callable[[], None]]], Iterable[Any]]

# The features, in the spec's order, whose correlations are kept: 2,016 coefficients.
MOST_CORRELATED = 64
HOURS, WEEKDAYS = 24, 7
# Values of the segment's column that may be there, and those of them that a profile keeps.
MOST_SEGMENTS, SEGMENTS = 64, 20


@dataclass(frozen=True)
class Watched:
    """A column of the profile. ``answer`` tells predictions and confidence from features."""

    name: str
    numeric: bool
    answer: bool = False
    max_categories: int = 0


@dataclass(frozen=True)
class Plan:
    """What a profile is made of. ``time`` and ``segment`` are the columns for seasons and segments."""

    model: str
    watched: tuple[Watched, ...]
    time: str | None = None
    segment: str | None = None

    @property
    def correlated(self) -> list[str]:
        return [one.name for one in self.watched if one.numeric and not one.answer][:MOST_CORRELATED]


@dataclass(frozen=True)
class Batch:
    """``columns`` by name: float64 (n,) with NaN for missing, or distinct texts and codes.

    ``hours`` and ``weekdays``, where seasons are wanted, are -1 where the time is missing.
    """

    rows: int
    columns: Mapping[str, Column]
    hours: Codes | None = None
    weekdays: Codes | None = None


def _named(count: int) -> list[str | None]:
    return [str(i) for i in range(count)]


@dataclass
class Summary:
    """Summaries of the same plan add up by ``merge``: the order of rows and how they are parted change nothing."""

    plan: Plan
    rows: int = 0
    columns: dict[str, Numbers | Texts] = field(default_factory=dict)
    products: Products = field(init=False)
    sample: RowSample = field(init=False)
    hours: Groups | None = None
    weekdays: Groups | None = None
    segments: Groups | None = None

    def __post_init__(self) -> None:
        for one in self.plan.watched:
            self.columns[one.name] = Numbers() if one.numeric else Texts()
        size = len(self.plan.correlated)
        self.products, self.sample = Products(size), RowSample(size)
        if self.plan.time is not None:
            self.hours, self.weekdays = Groups(HOURS), Groups(WEEKDAYS)
        if self.plan.segment is not None:
            self.segments = Groups(MOST_SEGMENTS)

    def add(self, batch: Batch, run: Run = map) -> None:
        """Count the rows of ``batch``; ``run``, which maps as ``map`` does, may do parts of it at the same time."""
        if not batch.rows:
            return
        self.rows += batch.rows
        # Each of these changes something of its own; the dearest first, so that none is left at the end.
        work: list[Callable[[], None]] = [partial(self._add_together, batch), partial(self._add_groups, batch)]
        for name, column in self.columns.items():
            found = batch.columns[name]
            if isinstance(column, Numbers):
                work.append(partial(column.add, _numbers(found)))
            else:
                work.append(partial(column.add, *_texts(found)))
        for _ in run(_call, work):
            pass

    def _add_groups(self, batch: Batch) -> None:
        if self.hours and self.weekdays and batch.hours is not None and batch.weekdays is not None:
            self.hours.add(batch.columns, _named(HOURS), batch.hours)
            self.weekdays.add(batch.columns, _named(WEEKDAYS), batch.weekdays)
        if self.segments and self.plan.segment is not None:
            self.segments.add(batch.columns, *_texts(batch.columns[self.plan.segment]))

    def _add_together(self, batch: Batch) -> None:
        names = self.plan.correlated
        if not names:
            return
        for start in range(0, batch.rows, BLOCK):
            block = np.stack([_numbers(batch.columns[name])[start : start + BLOCK] for name in names])
            self.products.add(block)
            self.sample.add(block)

    def merge(self, other: Summary) -> None:
        """Add all that ``other``, of the same plan, has seen."""
        self.rows += other.rows
        for name, column in self.columns.items():
            column.merge(other.columns[name])  # type: ignore[arg-type]  # the same plan makes columns of one kind
        self.products.merge(other.products)
        self.sample.merge(other.sample)
        for mine, its in (
            (self.hours, other.hours),
            (self.weekdays, other.weekdays),
            (self.segments, other.segments),
        ):
            if mine and its:
                mine.merge(its)

    def profile(self) -> Profile:
        """The profile of the rows. Raises ProfileError without any, and when there are too many segments."""
        if not self.rows:
            raise ProfileError("has no rows, so there is nothing to compare with")
        features = {one.name: self._feature(one) for one in self.plan.watched}
        correlations, names = None, self.plan.correlated
        if len(names) > 1:
            correlations = Correlations(tuple(names), tuple(self.products.correlations()))
        return Profile(
            self.plan.model,
            self.rows,
            tuple(features.values()),
            correlations,
            components(correlations, features, self.sample) if correlations else None,
            self._seasons(features),
            self._segments(features),
        )

    def _feature(self, watched: Watched) -> FeatureProfile:
        column = self.columns[watched.name]
        if isinstance(column, Numbers):
            return numeric_feature(watched.name, column)
        return categorical_feature(watched.name, column, watched.max_categories)

    def _seasons(self, features: Mapping[str, FeatureProfile]) -> Seasons | None:
        if self.plan.time is None or not self.hours or not self.weekdays:
            return None
        hours, weekdays = (
            tuple(
                groups.groups[value].slice(value, features)
                for value in sorted(groups.groups, key=int)
                if groups.groups[value].rows >= LEAST_ROWS
            )
            for groups in (self.hours, self.weekdays)
        )
        return Seasons(self.plan.time, hours, weekdays)

    def _segments(self, features: Mapping[str, FeatureProfile]) -> Segments | None:
        if self.plan.segment is None or not self.segments:
            return None
        if self.segments.too_many:
            raise ProfileError(
                f"the column {self.plan.segment!r} has more than {MOST_SEGMENTS} values; "
                "a segment needs a column with few, such as a region or a kind of customer"
            )
        groups = self.segments.groups
        top = sorted((v for v in groups if groups[v].rows >= LEAST_ROWS), key=lambda v: (-groups[v].rows, v))
        return Segments(self.plan.segment, tuple(groups[value].slice(value, features) for value in top[:SEGMENTS]))


def _call(work: Callable[[], None]) -> None:
    work()


def _numbers(column: Column) -> NDArray[np.float64]:
    assert not isinstance(column, tuple), "the plan says that this column is numeric"
    return column


def _texts(column: Column) -> tuple[list[str | None], Codes]:
    assert isinstance(column, tuple), "the plan says that this column is categorical"
    return column
