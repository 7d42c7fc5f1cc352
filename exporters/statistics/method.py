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
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Histograms:
    """Rows by coarse bin, shape (features, bins), missing, other and new among the bins.

    ``reference`` need not be whole numbers where it is a mixture of parts. Critical values are then those of ``law``,
    rows of a plain reference, for as many rows.
    """

    counts: Counts
    reference: Counts | Floats
    law: Counts | None = None

    @cached_property
    def n(self) -> Counts:
        return np.asarray(self.counts.sum(axis=1))

    @cached_property
    def m(self) -> Counts:
        return np.asarray(self.reference.sum(axis=1))

    @cached_property
    def q(self) -> Floats:
        """The window's shares; NaN where it has no rows."""
        return _shares(self.counts, self.n)

    @cached_property
    def p(self) -> Floats:
        """The reference's shares; NaN where it has no rows."""
        return _shares(self.reference, self.m)

    @cached_property
    def sides(self) -> tuple[Floats, Floats, Floats, Floats, NDArray[np.bool_]]:
        """Both sides' bins as float64, their rows of shape (features, 1), at least 1, and which have rows on both."""
        n, m = self.n.astype(np.float64), self.m.astype(np.float64)
        both = (n > 0) & (m > 0)
        n, m = (np.where(both, rows, 1.0)[:, None] for rows in (n, m))
        return self.counts.astype(np.float64), self.reference.astype(np.float64), n, m, both

    @cached_property
    def law_key(self) -> tuple[tuple[int, int], bytes]:
        """Shape and bytes of the reference that critical values are those of."""
        law = (self.reference if self.law is None else self.law).astype(np.int64, copy=False)
        return (law.shape[0], law.shape[1]), law.tobytes()

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
    def cdf(self) -> Floats:
        """Share of the window at or below each cell's upper edge, shape (features, cells)."""
        return _below(self.counts, self.n)

    @cached_property
    def gap(self) -> Floats:
        """The window's cdf less the reference's."""
        return self.cdf - self.reference.cdf


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
        """From sums of z and z^2, z = (x - reference mean) / reference standard deviation."""
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = sum_z / n
            std = np.sqrt(np.maximum(sum_z2 / n - mean**2, 0.0))
        zeros = np.zeros(len(n))
        return cls(n, mean, std, m, zeros, zeros + 1, kurtosis)


Data = TypeVar("Data", Histograms, Cells, Moments)


def once(work: Callable[[Data], Floats]) -> Callable[[Data], Floats]:
    """``work``, done once for each data, whichever methods ask for it."""

    @wraps(work)
    def found(data: Data) -> Floats:
        kept = vars(data)
        if work.__qualname__ not in kept:
            kept[work.__qualname__] = work(data)
        known: Floats = kept[work.__qualname__]
        return known

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
