"""The binomial distribution's upper tail, exact."""

from __future__ import annotations

import math


def survival(k: int, n: int, p: float) -> float:
    """P(X >= k) for X of ``n`` trials with probability ``p``.

    Summed from k upwards, where k is above the mean: terms fall at least geometrically, so nothing cancels.
    """
    if k <= 0:
        return 1.0
    if k > n or p <= 0:
        return 0.0
    if p >= 1:
        return 1.0
    if k <= n * p:
        # The lower tail, k - 1 and less, seen from the other side.
        return 1 - survival(n - k + 1, n, 1 - p)
    log_term = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
    )
    total = term = 1.0
    for j in range(k, n):
        term *= (n - j) / (j + 1) * p / (1 - p)
        total += term
        if term < total * 1e-17:
            break
    return math.exp(log_term) * total


def quantile(alpha: float, n: int, p: float) -> int:
    """The least k with P(X >= k) <= ``alpha``; n + 1 where even X = n is likelier."""
    low, high = 0, n + 1
    while low < high:
        middle = (low + high) // 2
        if survival(middle, n, p) <= alpha:
            high = middle
        else:
            low = middle + 1
    return low
