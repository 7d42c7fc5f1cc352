"""Kullback-Leibler divergence of the window from the reference.

    KL(q || p) = sum over bins of q ln(q / p)

with ``p`` the reference's shares and ``q`` the window's: what coding the window's rows with the reference's shares
costs, in nats a row. It is not symmetric and not bounded. Source: Kullback and Leibler, On information and sufficiency
(1951); equal to ``scipy.stats.entropy(q, p)`` where the reference fills every bin that the window fills.

A bin that the reference leaves empty would make it infinite: ``p`` is taken as in PSI, 1e-4 or half a row at the least.

Where bins expect many rows, 2 KL / (1/n + 1/m) is chi-squared without drift.
"""

from __future__ import annotations

from modelwatch.exporters.statistics.method import Floats
from modelwatch.exporters.statistics.sides import Sides, times_log
from modelwatch.exporters.statistics.sums import SumOverBins


class KullbackLeibler(SumOverBins):
    """See the module."""

    name = "kl"
    unit = "nats"

    @staticmethod
    def term(sides: Sides) -> Floats:
        q, reference = sides.window.share, sides.reference
        # p - q sums to 0 over the bins, and makes each bin's share of the divergence positive.
        return times_log(q, q / reference.floored) + reference.share - q

    @staticmethod
    def natural(inverse: Floats) -> Floats:
        return inverse / 2
