"""Jensen-Shannon distance, base 2.

    JS = sqrt((KL(p || a) + KL(q || a)) / 2),  a = (p + q) / 2,  KL(p || a) = sum of p log2(p / a)

with ``p`` the reference's shares and ``q`` the window's. It has no unit and lies between 0 (equal) and 1 (no bin in
common). Source: Endres and Schindelin, A new metric for probability distributions (2003); equal to
``scipy.spatial.distance.jensenshannon(p, q, base=2)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from modelwatch.exporters.statistics.chi_squared import quantile
from modelwatch.exporters.statistics.method import LEAST_ROWS, Counts, Shares, shares


@dataclass(frozen=True, slots=True)
class JensenShannon:
    """See the module."""

    name: str = "js"

    def score(self, counts: Counts, reference: Counts) -> float:
        q, p = shares(counts), shares(reference)
        middle = (p + q) / 2
        divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
        # Rounding can leave a divergence of -1e-17 between equal shares.
        return math.sqrt(max(divergence, 0.0))

    def critical_value(self, n: int, m: int, bins: int, alpha: float) -> float:
        """Without drift, 8 ln(2) JS^2 / (1/n + 1/m) is about chi-squared with bins - 1 degrees of freedom.

        Source: Menendez et al., The Jensen-Shannon divergence (1997).
        """
        return math.sqrt(quantile(alpha, max(bins - 1, 1)) * (1 / n + 1 / m) / (8 * math.log(2)))

    def needs(self, bins: int) -> int:  # noqa: ARG002  # pooling makes the need the same for any number of bins
        return LEAST_ROWS


def _relative_entropy(p: Shares, q: Shares) -> float:
    """Kullback-Leibler divergence in bits; a share of 0 adds nothing."""
    held = p > 0
    return float(np.sum(p[held] * np.log2(p[held] / q[held])))
