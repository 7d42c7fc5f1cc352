"""A reference profile as frozen objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins, Cells, NumericBins, Scale

# A feature that is missing more often would leave few rows in which every feature has a value.
MOST_MISSING = 0.05


class ProfileError(Exception):
    """A profile that cannot be made or read. The message says where, what and how to mend it."""


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """``counts`` of the reference by bin, in the order of ``bins.labels``, so its sum is the rows of the reference.

    The rest is of numeric features: ``cells`` is None where the profile was not made from data; the moments are None
    where there is no value. ``std`` has ddof 0; ``kurtosis`` is 3 for a normal distribution, and None for a constant.
    ``exact`` tells that the edges are exact deciles and the kurtosis exact; else both are within a cell of the
    histogram that the profile was made from, and counts are those of the edges, exactly, all the same.
    """

    name: str
    bins: NumericBins | CategoricalBins
    counts: tuple[int, ...]
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    kurtosis: float | None = None
    exact: bool = True
    cells: Cells | None = None

    @property
    def type(self) -> str:
        return "numeric" if isinstance(self.bins, NumericBins) else "categorical"

    @property
    def scale(self) -> Scale | None:
        """What sums of a numeric feature are taken against; None without a value to take them from."""
        if self.mean is None or self.std is None or self.minimum is None or self.maximum is None:
            return None
        return Scale(self.mean, self.std, self.minimum, self.maximum)

    @property
    def apart(self) -> str | None:
        """Why it is not looked at together with others, as the end of a sentence; None where it is."""
        rows = max(sum(self.counts), 1)
        if self.type != "numeric":
            return "is categorical"
        if self.std is None:
            return "has no value"
        if self.std == 0:
            return "has the same value in every row"
        if self.counts[-1] > MOST_MISSING * rows:
            return f"is missing in {self.counts[-1] / rows:.1%} of the rows (at most {MOST_MISSING:.0%} may be)"
        return None


@dataclass(frozen=True, slots=True)
class Correlations:
    """Pearson's coefficients of ``features``, to 6 digits: ``upper`` is the triangle above the diagonal, row by row.

    Each is of the rows where both features have a value; None where one of them does not vary.
    """

    features: tuple[str, ...]
    upper: tuple[float | None, ...]

    def matrix(self) -> NDArray[np.float64]:
        """Shape (features, features); NaN where there is no coefficient, 1 on the diagonal."""
        p = len(self.features)
        found = np.ones((p, p))
        rows, columns = np.triu_indices(p, 1)
        found[rows, columns] = found[columns, rows] = np.array(self.upper, dtype=np.float64)
        return found


@dataclass(frozen=True, slots=True)
class Residual:
    """The squared error that is left of a standardised row, over the rows of the reference that miss no value.

    ``mean`` is exact: the sum of the dropped eigenvalues. The rest is estimated from a sample of ``rows``.
    """

    mean: float
    std: float
    q95: float
    q99: float
    rows: int


@dataclass(frozen=True, slots=True)
class Pca:
    """Principal components of the standardised ``features``, from the rounded correlations.

    A row is standardised by ``mean`` and ``scale``; each of ``components`` has one weight a feature and explains the
    share ``explained`` of the variance. ``residual`` is None where no row of the sample has every value.
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]
    explained: tuple[float, ...]
    residual: Residual | None


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of the reference where ``value`` holds: its ``rows``, and the counts of each feature by bin."""

    value: str
    rows: int
    counts: Mapping[str, tuple[int, ...]] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Seasons:
    """References by the hour of the day ("0" to "23") and by weekday ("0", Monday, to "6"), in UTC.

    ``time`` is the column that told the time. A season with too few rows is left out.
    """

    time: str
    hours: tuple[Slice, ...]
    weekdays: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Segments:
    """References by the most frequent values of the categorical ``feature``."""

    feature: str
    values: tuple[Slice, ...]


@dataclass(frozen=True)
class Profile:
    """``rows`` of data as ``features`` saw them."""

    model: str
    rows: int
    features: tuple[FeatureProfile, ...]
    correlations: Correlations | None = None
    pca: Pca | None = None
    seasons: Seasons | None = None
    segments: Segments | None = None

    @cached_property
    def sha256(self) -> str:
        """Hash of the content, 64 hexadecimal digits."""
        from modelwatch.exporters.reference.file import digest  # noqa: PLC0415 -- the file knows the objects

        return digest(self)

    @cached_property
    def misfits(self) -> tuple[str, ...]:
        """Features that the components need and that are not looked at together with others: none where the
        components are of any use. Earlier versions made such."""
        needed = self.pca.features if self.pca else ()
        return tuple(f.name for f in self.features if f.name in needed and f.apart is not None)

    @cached_property
    def _by_name(self) -> Mapping[str, FeatureProfile]:
        return {feature.name: feature for feature in self.features}

    def feature(self, name: str) -> FeatureProfile | None:
        return self._by_name.get(name)
