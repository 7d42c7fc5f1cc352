"""Kullback-Leibler divergence of the window from the reference.

    KL(q || p) = sum over bins of q ln(q / p)

with ``p`` the reference's shares and ``q`` the window's: what coding the window's rows with the reference's shares
costs, in nats a row. It is not symmetric and not bounded. Source: Kullback and Leibler, On information and sufficiency
(1951); equal to ``scipy.stats.entropy(q, p)`` where the reference fills every bin that the window fills.

A bin that the reference leaves empty would make it infinite: ``p`` is taken as in PSI, 1e-4 or half a row at the least.

Where bins expect many rows, 2 KL / (1/n + 1/m) is chi-squared without drift.
"""

from __future__ import annotations

import numpy as np

from modelwatch.exporters.statistics.method import Floats
from modelwatch.exporters.statistics.sums import SumOverBins, floored, times_log


class KullbackLeibler(SumOverBins):
    """See the module."""

    name = "kl"
    unit = "nats"

    @staticmethod
    def term(c: Floats, r: Floats, n: Floats, m: Floats) -> Floats:
        q = c / n
        # p - q sums to 0 over the bins, and makes each bin's share of the divergence positive.
        return np.where(c + r > 0, times_log(q, q / floored(r, m)) + r / m - q, 0.0)

    @staticmethod
    def natural(inverse: Floats) -> Floats:
        return inverse / 2
