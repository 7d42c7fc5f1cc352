"""What a drift method is: a distance between a window and the reference, for all features at once.

Arrays have one row for each feature. Features differ in their number of bins; rows are padded at the end with zeros,
which are bins that neither side fills and so change nothing. ``n`` are the rows of the window and ``m`` those of the
reference, both of shape (features,).

There are three kinds of data that methods look at, made once for a window and shared by all of them: ``Histograms``,
``Cells`` and ``Moments``. The latter two have rows for numeric features only. An answer is NaN where there is none:
no rows on one side, or a reference that never varies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from operator import is_
from typing import Protocol, TypeVar, TypeVarTuple, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.sides import Side, Sides

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Law:
    """Rows of a plain reference by coarse bin, shape (features, bins): what critical values hang on.

    What follows from it is worked out once for all windows that are compared with it.
    """

    counts: Counts

    @cached_property
    def m(self) -> Counts:
        return np.asarray(self.counts.sum(axis=1))

    @cached_property
    def side(self) -> Side:
        return _side(self.counts, self.m)

    @cached_property
    def key(self) -> tuple[tuple[int, int], bytes]:
        """Shape and bytes."""
        rows, bins = self.counts.shape
        return (rows, bins), self.counts.astype(np.int64, copy=False).tobytes()


@dataclass(frozen=True, eq=False)
class Histograms:
    """Rows by coarse bin, shape (features, bins), missing, other and new among the bins.

    ``reference`` need not be whole numbers where it is a mixture of parts. Critical values are those of ``law``, for as
    many rows; without it, of the reference.
    """

    counts: Counts
    reference: Counts | Floats
    law: Law | None = None

    @classmethod
    def beside(cls, counts: Counts, law: Law) -> Histograms:
        """Of windows that are compared with a plain reference."""
        return cls(counts, law.counts, law)

    @cached_property
    def n(self) -> Counts:
        return np.asarray(self.counts.sum(axis=1))

    @cached_property
    def m(self) -> Counts:
        return np.asarray(self.reference.sum(axis=1)) if self._plain is None else self._plain.m

    @property
    def _plain(self) -> Law | None:
        """The law, where the reference is just that."""
        return self.law if self.law is not None and self.reference is self.law.counts else None

    @cached_property
    def sides(self) -> Sides:
        """Both sides, with a row where they have none."""
        reference = _side(self.reference, self.m) if self._plain is None else self._plain.side
        return Sides(_side(self.counts, self.n), reference)

    @cached_property
    def both(self) -> NDArray[np.bool_]:
        """Which have rows on both sides, shape (features,)."""
        return np.asarray((self.n > 0) & (self.m > 0))

    @cached_property
    def law_key(self) -> tuple[tuple[int, int], bytes]:
        """See ``Law.key``."""
        return (Law(self.reference.astype(np.int64, copy=False)) if self.law is None else self.law).key

    @cached_property
    def filled(self) -> Counts:
        """Bins that the reference fills, shape (features,)."""
        return np.asarray(np.count_nonzero(self.reference, axis=1))


@dataclass(frozen=True, eq=False)
class ReferenceCells:
    """The reference by fine bin in the order of its values, without the missing ones, shape (features, cells).

    ``widths``, shape (features, cells), are the cells' widths in the feature's unit, and ``std``, shape (features,),
    the standard deviations (ddof 0). What follows from these alone is worked out once, for all windows.
    """

    counts: Counts
    widths: Floats
    std: Floats

    @cached_property
    def m(self) -> Counts:
        return np.asarray(self.counts.sum(axis=1))

    @cached_property
    def cdf(self) -> Floats:
        """Share at or below each cell's upper edge, shape (features, cells)."""
        return _below(self.counts, self.m)

    @cached_property
    def between(self) -> Floats:
        """From the middle of each cell to that of the next one, shape (features, cells)."""
        following = np.concatenate([self.widths[:, 1:], np.zeros((len(self.widths), 1))], axis=1)
        return np.asarray((self.widths + following) / 2)

    @cached_property
    def shape(self) -> tuple[Floats, Floats]:
        """Skewness and kurtosis, every value at its cell's middle; those of a normal distribution without spread."""
        position = np.cumsum(self.widths, axis=1) - self.widths / 2
        share = self.counts / np.maximum(self.m, 1)[:, None]
        offset = position - (share * position).sum(axis=1, keepdims=True)
        second, third, fourth = ((share * offset**power).sum(axis=1) for power in (2, 3, 4))
        safe = np.where(second > 0, second, 1.0)
        return np.where(second > 0, third / safe**1.5, 0.0), np.where(second > 0, fourth / safe**2, 3.0)

    @cached_property
    def spread(self) -> Floats:
        """Integral over x of sqrt(F (1 - F)), shape (features,)."""
        upper = self.cdf
        lower = np.concatenate([np.zeros((len(upper), 1)), upper[:, :-1]], axis=1)
        ends = np.sqrt(np.maximum(upper * (1 - upper), 0)) + np.sqrt(np.maximum(lower * (1 - lower), 0))
        return np.asarray((ends * self.widths / 2).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows by the fine bins of ``reference``, shape (features, cells).

    The first and the last cell reach beyond the reference's minimum and maximum; their width is 0, and ``below`` and
    ``above``, shape (features,), are what the window's values lie beyond these two: the sums of (minimum - x)+ and of
    (x - maximum)+ over all n values, divided by n.
    """

    counts: Counts
    below: Floats
    above: Floats
    reference: ReferenceCells

    @cached_property
    def n(self) -> Counts:
        return np.asarray(self.counts.sum(axis=1))

    @property
    def m(self) -> Counts:
        return self.reference.m

    @cached_property
    def gap(self) -> Floats:
        """Share of the window at or below each cell's upper edge less the reference's, shape (features, cells)."""
        found = _below(self.counts, self.n)
        found -= self.reference.cdf
        return found

    @cached_property
    def distance(self) -> Floats:
        """The gap without its sign."""
        return np.abs(self.gap)


@dataclass(frozen=True, eq=False)
class Moments:
    """Means and standard deviations (ddof 0) of the present values, each of shape (features,).

    All in one unit of the caller's choice for a feature: its own, or reference standard deviations. ``kurtosis`` is the
    reference's fourth central moment divided by its squared variance (3 for a normal distribution).
    """

    n: Counts
    mean: Floats
    std: Floats
    m: Counts
    reference_mean: Floats
    reference_std: Floats
    kurtosis: Floats

    @classmethod
    def standardised(cls, n: Counts, sum_z: Floats, sum_z2: Floats, m: Counts, kurtosis: Floats) -> Moments:
        """From sums of z and z^2, z = (x - reference mean) / reference standard deviation.

        A reference that never varies has no kurtosis, and no deviation that z could be in.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = sum_z / n
            std = np.sqrt(np.maximum(sum_z2 / n - mean**2, 0.0))
        return cls(n, mean, std, m, np.zeros(len(n)), np.where(np.isnan(kurtosis), 0.0, 1.0), kurtosis)


Data = TypeVar("Data")
Asked = TypeVarTuple("Asked")
Found = TypeVar("Found")


def once(work: Callable[[Data, *Asked], Found]) -> Callable[[Data, *Asked], Found]:
    """``work``, done once for each data, whichever methods ask for it, as long as they hand the very same objects."""
    name = f"{work.__module__}.{work.__qualname__}"

    @wraps(work)
    def found(data: Data, *asked: *Asked) -> Found:
        known, value = vars(data).get(name, (None, None))
        # What is kept holds what it was asked for, so that no new object can have its identity.
        if known is None or not all(map(is_, asked, known)):
            value = work(data, *asked)
            vars(data)[name] = asked, value
        return cast("Found", value)

    return found


DataT_contra = TypeVar("DataT_contra", Histograms, Cells, Moments, contravariant=True)


class Method(Protocol[DataT_contra]):
    """A distance. Its docstring gives the formula, the source and the unit."""

    @property
    def name(self) -> str:
        """As in a spec and in the label ``method``."""

    @property
    def unit(self) -> str:
        """What a score of 1 is 1 of; empty where it has no unit."""

    def score(self, data: DataT_contra) -> Floats:
        """Distance of the window from the reference, shape (features,)."""

    def critical_value(self, data: DataT_contra, n: Counts, alpha: float) -> Floats:
        """What the score of ``n`` rows without drift exceeds with probability ``alpha`` at the most, shape (features,).

        Of ``data`` only the reference is looked at; ``n`` are the window's rows (``data.n``) or those waited for.
        A score that may be negative is meant without its sign.
        """


@runtime_checkable
class WithPValue(Protocol[DataT_contra]):
    """A method that is a test too."""

    def p_value(self, data: DataT_contra) -> Floats:
        """Probability that rows without drift score as high or higher, shape (features,)."""


def _side(counts: Counts | Floats, rows: Counts | Floats) -> Side:
    all_rows = rows.astype(np.float64)
    return Side(counts.astype(np.float64), np.where(all_rows > 0, all_rows, 1.0)[:, None])


def _shares(counts: Counts | Floats, total: Counts | Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return counts / total[:, None]


def _below(counts: Counts, total: Counts) -> Floats:
    """Shares up to each cell. Whole numbers add up faster than shares, and without rounding."""
    return _shares(np.cumsum(counts, axis=1), total)


def inverse_rows(n: Counts, m: Counts) -> Floats:
    """1/n + 1/m, shape (features,): what a score without drift is proportional to; NaN where either is 0."""
    with np.errstate(divide="ignore"):
        total = 1 / np.asarray(n, dtype=np.float64) + 1 / np.asarray(m, dtype=np.float64)
    return np.where(np.isfinite(total), total, np.nan)


class _Compared(Protocol):
    @property
    def m(self) -> Counts:
        """Rows of the reference."""


@once
def inverse_of(data: _Compared, n: Counts) -> Floats:
    """``inverse_rows`` of so many rows in the window and those of the reference."""
    return inverse_rows(n, data.m)
