"""What is counted of numeric features together: their correlations, and how far whole rows lie off the PCA basis.

Sums of products need every value of a row beside every other, which costs more than all the bins. They are taken from
at most ``MOST_ROWS`` rows of a request, spread evenly over it, and only of rows in which none of these features is
missing. All of it is additive like the counts.

A value beyond the reference's smallest or largest counts as that one. So a stream without drift is seen as it is, and
one broken number, whose square would outweigh all other rows of a window, weighs no more than the reference's
furthest. How far values went is for the statistics of each feature by itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.blocks import Block
from modelwatch.exporters.reference import MOST_MISSING, Pca, Profile
from modelwatch.exporters.statistics.method import Floats

if TYPE_CHECKING:
    from modelwatch.exporters.layout import Watched

MOST_ROWS = 1024
# 64 features have 2,016 pairs. Wider models are compared on those that come first in the spec.
MOST_FEATURES = 64
_RULE = "within the reference's range"


@dataclass(frozen=True, eq=False)
class Relations:
    """The features that are looked at together, by their place in ``Layout.watched``, shape (k,).

    Values count from ``low`` to ``high``, the reference's range. ``correlations`` are the reference's, shape (k, k).
    ``basis`` is its PCA where all of its features are among them, and ``columns`` is where they stand, shape (features
    of the basis,).
    """

    block: Block
    names: tuple[str, ...]
    watched: tuple[int, ...]
    mean: Floats
    scale: Floats
    low: Floats
    high: Floats
    rows: int
    correlations: Floats
    basis: Pca | None
    columns: NDArray[np.int64]

    @property
    def size(self) -> int:
        return len(self.names)

    @cached_property
    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Upper triangle, diagonal included: where products stand in the block."""
        return np.triu_indices(self.size)

    @cached_property
    def _components(self) -> Floats:
        return np.empty((0, 0)) if self.basis is None else np.asarray(self.basis.components, dtype=np.float64)

    @property
    def _far(self) -> float:
        """Squared error that 1 in 100 rows of the reference exceeds."""
        residual = None if self.basis is None else self.basis.residual
        return np.inf if residual is None else residual.q99

    def sums(self, values: Floats) -> Floats:
        """The block for ``values``, shape (rows, k), NaN where missing."""
        out = np.zeros(self.block.float_width)
        whole = values[~np.isnan(values).any(axis=1)]
        if not len(whole):
            return out
        z = (np.clip(whole, self.low, self.high) - self.mean) / self.scale
        k = self.size
        out[0] = len(z)
        out[1 : 1 + k] = z.sum(axis=0)
        out[1 + k : -3] = (z.T @ z)[self.pairs]
        if self.basis is not None:
            seen = z[:, self.columns]
            scores = seen @ self._components.T
            error = np.maximum(np.einsum("ij,ij->i", seen, seen) - np.einsum("ij,ij->i", scores, scores), 0.0)
            out[-3:] = (error.sum(), error @ error, np.count_nonzero(error > self._far))
        return out

    def correlated(self, sums: Floats) -> Floats:
        """The correlations of windows of such sums, shape (windows, float_width), at ``pairs``: (windows, pairs).

        NaN where a feature did not vary.
        """
        k, (one, other) = self.size, self.pairs
        with np.errstate(divide="ignore", invalid="ignore"):
            means = sums[:, :-3] / sums[:, :1]
            mean = means[:, 1 : 1 + k]
            covariance = means[:, 1 + k :] - mean.take(one, axis=1) * mean.take(other, axis=1)
            spread = np.sqrt(np.maximum(covariance.take(self._own, axis=1), 0.0))
            # What is left of a constant feature is rounding.
            spread[spread < 1e-9 * np.maximum(1.0, np.abs(mean))] = np.nan
            found = covariance / (spread.take(one, axis=1) * spread.take(other, axis=1))
        return np.asarray(np.clip(found, -1.0, 1.0))

    @cached_property
    def _own(self) -> NDArray[np.int64]:
        """Where a feature is paired with itself."""
        one, other = self.pairs
        return np.flatnonzero(one == other)

    @cached_property
    def reference(self) -> Floats:
        """The reference's correlations at ``pairs``."""
        return np.asarray(self.correlations[self.pairs])

    def matrix(self, at_pairs: Floats) -> Floats:
        """From shape (pairs,) to (k, k)."""
        found, (one, other) = np.empty((self.size, self.size)), self.pairs
        found[one, other] = found[other, one] = at_pairs
        return found

    def error(self, sums: Floats) -> float:
        """Mean squared error of reconstruction, from sums of shape (float_width,); NaN without rows or a basis."""
        n = float(sums[0])
        return float(sums[-3] / n) if n and self.basis is not None else np.nan


def relations(profile: Profile, watched: tuple[Watched, ...], start: int, float_start: int) -> Relations | None:
    """What can be looked at together; None with fewer than two such features."""
    known = profile.correlations
    if known is None:
        return None
    chosen = [(i, w) for i, w in enumerate(watched) if w.name in known.features and _usable(w)][:MOST_FEATURES]
    if len(chosen) < 2:
        return None
    names = tuple(w.name for _, w in chosen)
    places = [known.features.index(name) for name in names]
    basis = profile.pca if profile.pca is not None and set(profile.pca.features) <= set(names) else None
    columns = np.array([names.index(name) for name in basis.features] if basis else [], dtype=np.int64)
    scales = [w.profile.scale for _, w in chosen if w.profile is not None]
    table = np.array([(one.mean, one.std, one.minimum, one.maximum) for one in scales if one is not None])
    mean, scale, low, high = table.T
    k = len(names)
    # Sums that were made by another rule, and kept, are not to be added to those of this one.
    digest = hashlib.sha256(repr((_RULE, names, table.tolist(), basis)).encode()).hexdigest()
    block = Block("relations", digest, start, 0, float_start, 1 + k + k * (k + 1) // 2 + 3)
    matrix = known.matrix()[np.ix_(places, places)]
    seen = tuple(i for i, _ in chosen)
    return Relations(block, names, seen, mean, scale, low, high, profile.rows, matrix, basis, columns)


def without_ratio(profile: Profile, watched: tuple[Watched, ...], found: Relations | None) -> str | None:
    """Why no window has a reconstruction ratio, however many rows come; None where each has."""
    again = "make the reference again"
    if found is None:
        return (
            "fewer than two numeric features of the spec vary in the reference "
            f"and are missing in at most {MOST_MISSING:.0%} of its rows"
        )
    if profile.pca is None:
        return f"the reference has no components: {again}"
    for name in profile.pca.features:
        if name not in found.names:
            return f"the reference's components need {name!r}, which {_apart(name, watched)}: {again}"
    residual = profile.pca.residual
    if residual is None:
        return f"no row of the reference that was looked at has a value of every numeric feature: {again} from others"
    if residual.mean <= 0:
        return "the reference's components explain its rows wholly, so there is no distance to compare with"
    return None


def _apart(name: str, watched: tuple[Watched, ...]) -> str:
    for one in watched:
        if one.name == name and one.subject.role == "feature":
            if one.profile is None:
                return f"is {one.subject.feature.type} in the spec"
            return one.profile.apart or "is not compared with it"
    return "is not in the spec"


def _usable(watched: Watched) -> bool:
    found = watched.profile
    if watched.subject.role != "feature" or found is None or watched.cells is None:
        return False
    return found.apart is None
