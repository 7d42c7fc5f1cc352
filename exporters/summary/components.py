"""Principal components of the rounded correlations, and what they leave of a row.

The eigenvectors come from Jacobi's cyclic method and not from LAPACK: it needs nothing but operations that IEEE 754
fixes to the last digit, so every machine finds the same ones. All numbers are rounded to 6 digits in the end.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.reference import Correlations, FeatureProfile, Pca, Residual
from modelwatch.exporters.summary.sample import RowSample

Floats = NDArray[np.float64]

EXPLAINED = 0.95
_SWEEPS = 60


def components(correlations: Correlations, features: dict[str, FeatureProfile], sample: RowSample) -> Pca | None:
    """The components that explain 95 % of the variance, or all but one of them.

    Features that are not looked at together with others are left out. None with fewer than two of the rest.
    """
    matrix = correlations.matrix()
    used = [i for i, name in enumerate(correlations.features) if features[name].apart is None]
    while used:
        undefined = np.isnan(matrix[np.ix_(used, used)]).sum(axis=1)
        if not undefined.any():
            break
        # Two features that never have a value in the same row: without the one of most such gaps, others may do.
        used.pop(int(np.argmax(undefined)))
    if len(used) < 2:
        return None
    values, vectors = _eigen(matrix[np.ix_(used, used)])
    size = len(used)
    explained = np.cumsum(np.maximum(values, 0.0)) / np.maximum(values, 0.0).sum()
    # With all of them nothing would be left to look at.
    kept = min(int(np.searchsorted(explained, EXPLAINED - 1e-9)) + 1, size - 1)
    axes = np.round(vectors[:, :kept].T, 6) + 0.0
    names = tuple(correlations.features[i] for i in used)
    mean = tuple(float(features[name].mean or 0.0) for name in names)
    scale = tuple(float(features[name].std or 1.0) for name in names)
    z = (sample.rows[:, used] - np.array(mean)) / np.array(scale)
    return Pca(
        names,
        mean,
        scale,
        tuple(map(tuple, axes.tolist())),
        tuple(round(max(float(value), 0.0) / size, 6) for value in values[:kept]),
        _residual(z, axes, sample.numbers, max(float(values[kept:].sum()), 0.0)),
    )


def _eigen(matrix: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues of a symmetric matrix, falling, and eigenvectors as columns, their largest element positive."""
    a, size = matrix.copy(), len(matrix)
    v = np.eye(size)
    for _ in range(_SWEEPS):
        turned = False
        for p in range(size - 1):
            for q in range(p + 1, size):
                if abs(a[p, q]) > 1e-15:
                    _turn(a, v, p, q)
                    turned = True
        if not turned:
            break
    values = np.diag(a).copy()
    order = np.argsort(-values, kind="stable")
    v = v[:, order]
    largest = v[np.argmax(np.round(np.abs(v), 9), axis=0), np.arange(size)]
    return values[order], v * np.where(largest < 0, -1.0, 1.0)


def _turn(a: Floats, v: Floats, p: int, q: int) -> None:
    """One rotation, which makes a[p, q] 0 (Golub and Van Loan, Matrix computations, 8.5)."""
    tau = (float(a[q, q]) - float(a[p, p])) / (2 * float(a[p, q]))
    t = math.copysign(1.0, tau) / (abs(tau) + math.sqrt(1 + tau * tau))
    c = 1 / math.sqrt(1 + t * t)
    s = t * c
    for part in (a.T, a, v.T):
        # Rows of the transposed are columns.
        first, second = c * part[p] - s * part[q], s * part[p] + c * part[q]
        part[p], part[q] = first, second


def _residual(z: Floats, axes: Floats, numbers: NDArray[np.int64], mean: float) -> Residual | None:
    whole = np.isfinite(z).all(axis=1)
    if not whole.any():
        return None
    columns, weights = z[whole].T, numbers[whole]
    left = columns.copy()
    for axis in axes:
        # Column by column and not as a matrix product, whose last digits depend on the machine.
        along = np.zeros(columns.shape[1])
        for weight, column in zip(axis, columns, strict=True):
            along += weight * column
        for place, weight in enumerate(axis):
            left[place] -= weight * along
    errors = np.zeros(columns.shape[1])
    for column in left:
        errors += column * column
    order = np.argsort(errors, kind="stable")
    errors, weights = errors[order], weights[order]
    total = int(weights.sum())
    around = math.fsum((weights * errors).tolist()) / total
    std = math.sqrt(math.fsum((weights * np.square(errors - around)).tolist()) / total)
    ranks = np.cumsum(weights)
    q95, q99 = (float(errors[np.searchsorted(ranks, share * total)]) for share in (0.95, 0.99))
    mean, std, q95, q99 = (float(f"{value:.6g}") for value in (mean, std, q95, q99))
    return Residual(mean, std, q95, q99, total)
