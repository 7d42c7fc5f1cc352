"""Change of the correlation between two features.

    z = atanh(r_q) - atanh(r_p),  standard error sqrt(1 / (n - 3) + 1 / (m - 3))

with the correlations (Pearson) of ``n`` rows of the window and ``m`` of the reference in which both features are
present. It has no unit. Source: Fisher, On the probable error of a coefficient of correlation (1921). The standard
error is that of a bivariate normal; for heavy tails the change varies more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.distributions import normal
from modelwatch.exporters.statistics.method import Floats

# A correlation of 1 would be infinitely far from any other.
_MOST = 1 - 1e-12


@dataclass(frozen=True, eq=False)
class CorrelationChange:
    """Of every pair, shape (features, features), symmetric; NaN on the diagonal and where there are too few rows."""

    change: Floats
    standard_error: Floats

    def worst(self, most: int, among: NDArray[np.bool_] | None = None) -> list[tuple[int, int]]:
        """The pairs (i < j) that changed most, in standard errors, ``most`` of them at the most; unknown ones left
        out. ``among``, shape (features, features), says which pairs are asked for."""
        first, second = np.triu_indices(len(self.change), 1) if among is None else np.nonzero(np.triu(among, 1))
        size = np.abs(self.change[first, second]) / self.standard_error[first, second]
        known = np.flatnonzero(np.isfinite(size))
        order = known[np.argsort(-size[known], kind="stable")][:most]
        return [(int(first[i]), int(second[i])) for i in order]

    def critical_value(self, alpha: float) -> Floats:
        """Change that a pair without drift passes with probability ``alpha``, either way; (features, features)."""
        return normal.two_sided(alpha) * self.standard_error


def correlations(n: NDArray[np.int64], sums: Floats, squares: Floats, products: Floats) -> Floats:
    """Pearson's correlations from sums over the rows in which both features are present; all (features, features).

    ``sums[i, j]`` and ``squares[i, j]`` are those of feature i in the rows where j is present too.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums / n
        variance = squares / n - mean**2
        covariance = products / n - mean * mean.T
        found = covariance / np.sqrt(variance * variance.T)
    usable = (n > 1) & (variance > 1e-12) & (variance.T > 1e-12)
    return np.where(usable, np.clip(found, -1, 1), np.nan)


def correlation_change(r: Floats, n: NDArray[np.int64], reference: Floats, m: NDArray[np.int64]) -> CorrelationChange:
    """From correlations ``r`` of ``n`` rows to ``reference`` of ``m`` rows, all of shape (features, features)."""
    enough = (n > 3) & (m > 3) & ~np.eye(len(r), dtype=bool)
    change = np.arctanh(np.clip(r, -_MOST, _MOST)) - np.arctanh(np.clip(reference, -_MOST, _MOST))
    rows, known = np.where(enough, n - 3, 1), np.where(enough, m - 3, 1)
    error = np.sqrt(1 / rows + 1 / known)
    return CorrelationChange(np.where(enough, change, np.nan), np.where(enough, error, np.nan))
