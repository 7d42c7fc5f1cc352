"""From the summary of a column to its part of the profile: bins, cells and moments.

Every number here depends on the summary alone and is made by operations that IEEE 754 fixes to the last digit, in a
fixed order, so that the same rows give the same bytes on every machine.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from modelwatch.exporters.bins import CategoricalBins, Cells, NumericBins
from modelwatch.exporters.reference import FeatureProfile
from modelwatch.exporters.summary import exact
from modelwatch.exporters.summary.column import Numbers, Texts
from modelwatch.exporters.summary.distribution import Distribution
from modelwatch.exporters.summary.histogram import Histogram

NUMERIC_BINS = 10
# Borders of cells: so many quantiles, and so many of equal width where quantiles are further apart than these.
QUANTILES, STEPS = 128, 128
# Names of rare categories that a profile keeps so as to tell them from new ones.
MOST_OTHERS = 10_000
_LARGEST = float(np.finfo(np.float64).max)
# Squares of what is smaller lose digits, and of what is larger are infinite.
_USUAL = (1e-140, exact.LARGEST)


def numeric_feature(name: str, numbers: Numbers) -> FeatureProfile:
    """The profile of a numeric column."""
    histogram = numbers.histogram
    if not histogram.total:
        return FeatureProfile(name, NumericBins(()), (0, numbers.missing))
    distribution = Distribution.of(histogram)
    bins = _bins(distribution, histogram.minimum)
    cells = _cells(distribution, bins, histogram.minimum, histogram.maximum)
    counts = distribution.between(bins.limits.tolist())
    mean, std = _moments(numbers)
    return FeatureProfile(
        name,
        bins,
        (*counts.tolist(), numbers.missing),
        minimum=histogram.minimum,
        maximum=histogram.maximum,
        mean=mean,
        std=std,
        kurtosis=_kurtosis(histogram, mean, std),
        exact=histogram.exact,
        cells=cells,
    )


def _bins(distribution: Distribution, minimum: float) -> NumericBins:
    deciles = (distribution.quantile(i / NUMERIC_BINS) for i in range(1, NUMERIC_BINS))
    edges = sorted({edge for edge in deciles if math.isfinite(edge)})
    # Ties at the very lowest value: without a bin below it, smaller values would pass for it.
    underflow = bool(edges) and edges[0] == minimum > -_LARGEST
    # A bin that no row falls into is joined with the next: quantiles interpolated between ties leave such gaps.
    counts = distribution.between(edges)[:-1]
    return NumericBins(tuple(edge for edge, count in zip(edges, counts, strict=True) if count), underflow)


def _cells(distribution: Distribution, bins: NumericBins, minimum: float, maximum: float) -> Cells:
    places = sorted({distribution.place(i / QUANTILES) for i in range(1, QUANTILES)})
    borders = {minimum, maximum, *bins.limits.tolist()}
    borders |= {_short(float(distribution.ends[i]), float(distribution.free[i]), maximum) for i in places}
    step = (maximum - minimum) / STEPS
    found = sorted(borders)
    for left, right in pairwise(found):
        if left >= minimum and math.isfinite(step) and right - left > step:
            inner = (minimum + i * step for i in range(int((left - minimum) / step), STEPS))
            borders |= {_known(distribution, edge) for edge in inner if left < edge < right}
    edges = sorted(borders)
    return Cells(bins, tuple(edges), tuple(distribution.between(edges).tolist()))


def _known(distribution: Distribution, edge: float) -> float:
    """``edge``, or the nearest place below where counts are known."""
    place = int(np.searchsorted(distribution.ends, edge, side="right")) - 1
    return min(edge, float(distribution.free[place]))


def _short(low: float, high: float, maximum: float) -> float:
    """The number from ``low`` to ``high`` with the fewest digits: files of short numbers are small and read well."""
    if low >= maximum:
        return maximum
    for digits in range(17):
        found = float(f"{low:.{digits}e}")
        if low <= found <= high:
            return found
    return low


def _moments(numbers: Numbers) -> tuple[float, float]:
    histogram = numbers.histogram
    n = histogram.total
    mean = exact.mean(numbers.sum, n)
    if histogram.minimum == histogram.maximum:
        return mean, 0.0
    if _usual(histogram):
        return mean, exact.deviation(numbers.sum, numbers.squares, n)
    most = max(-histogram.minimum, histogram.maximum)
    away = histogram.centres / most - mean / most
    return mean, most * math.sqrt(math.fsum((histogram.counts * (away * away)).tolist()) / n)


def _usual(histogram: Histogram) -> bool:
    return _USUAL[0] <= max(-histogram.minimum, histogram.maximum) <= _USUAL[1]


def _kurtosis(histogram: Histogram, mean: float, std: float) -> float | None:
    if std == 0:
        return None
    centres = histogram.centres
    z = (centres - mean) / std if _usual(histogram) else centres / std - mean / std
    squares = z * z
    return math.fsum((histogram.counts * (squares * squares)).tolist()) / histogram.total


def categorical_feature(name: str, texts: Texts, max_categories: int) -> FeatureProfile:
    """The profile of a categorical column."""
    categories = texts.categories
    top = categories.top()
    others = [text for text, _ in top[max_categories:]]
    complete = categories.complete and len(others) <= MOST_OTHERS
    left, counts = categories.total, []
    for _, count in top[:max_categories]:
        # Counts of frequent texts among very many may be a little too high, and bins add up to the rows.
        counts.append(min(count, left))
        left -= counts[-1]
    names = tuple(text for text, _ in top[:max_categories])
    bins = CategoricalBins(names, tuple(sorted(others)) if complete else (), complete)
    return FeatureProfile(name, bins, (*counts, left, 0, texts.missing))
