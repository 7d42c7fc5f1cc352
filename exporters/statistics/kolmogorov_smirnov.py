"""Kolmogorov-Smirnov statistic, with its p-value.

    D = max over x of |F_q(x) - F_p(x)|

with ``F_q`` and ``F_p`` the shares of the window and of the reference at or below x. It has no unit and lies between 0
and 1. Source: Smirnov, Table for estimating the goodness of fit of empirical distributions (1948). It is taken at the
upper edges of cells: where every distinct value has a cell it equals ``scipy.stats.ks_2samp``, otherwise it may be
smaller by what a cell holds (1/256).

p = P(K > sqrt(n m / (n + m)) D) with Kolmogorov's distribution K, the limit for many rows: never too small beyond a few
hundred rows (Wei and Dudley 2012), and too large where values are tied.
"""

from __future__ import annotations

import numpy as np

from modelwatch.exporters.statistics.distributions import kolmogorov
from modelwatch.exporters.statistics.method import Cells, Counts, Floats, inverse_of, once


class KolmogorovSmirnov:
    """See the module."""

    name = "ks"
    unit = ""

    def score(self, data: Cells) -> Floats:
        return _largest(data)

    def critical_value(self, data: Cells, n: Counts, alpha: float) -> Floats:
        return kolmogorov.quantile(alpha) * np.sqrt(inverse_of(data, n))

    def p_value(self, data: Cells) -> Floats:
        return kolmogorov.survival(self.score(data) / np.sqrt(inverse_of(data, data.n)))


@once
def _largest(data: Cells) -> Floats:
    return np.asarray(data.distance.max(axis=1))
