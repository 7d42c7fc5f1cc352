"""The beta-binomial distribution's upper tail, summed term by term."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.distributions.gamma import Floats, log_gamma

Counts = NDArray[np.int64]


def quantiles(alpha: float, n: Counts, a: Floats, b: Floats) -> Counts:
    """For each of (features,) the least k with P(X > k) <= ``alpha``, X of ``n`` trials with shares from Beta(a, b)."""
    rows, total = n.astype(np.float64), a + b
    mean = rows * a / total
    deviation = np.sqrt(rows * a * b * (total + rows) / (total**2 * (total + 1)))
    # Beyond this the tail is below any rate in use: Gaussian where there are many, geometric where there are few.
    least = -math.log(alpha) + 12
    reach = deviation * math.sqrt(2 * least) + least * (1 + rows / total)
    start = np.floor(mean).astype(np.int64)
    stop = np.minimum(n, start + np.ceil(reach).astype(np.int64) + 1)
    k = start[:, None] + np.arange(int((stop - start).max()) + 1)
    inside = np.minimum(k, n[:, None]).astype(np.float64)
    term = np.where(k <= n[:, None], np.exp(_log_probability(inside, rows[:, None], a[:, None], b[:, None])), 0.0)
    # beyond[:, j] = P(X > k_j)
    beyond = np.cumsum(term[:, ::-1], axis=1)[:, ::-1] - term
    first = np.argmax(beyond <= alpha, axis=1)
    return np.asarray(np.minimum(start + first, n))


def _log_probability(k: Floats, n: Floats, a: Floats, b: Floats) -> Floats:
    choose = log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1)
    shares = log_gamma(k + a) + log_gamma(n - k + b) - log_gamma(n + a + b)
    found: Floats = choose + shares + log_gamma(a + b) - log_gamma(a) - log_gamma(b)
    return found
