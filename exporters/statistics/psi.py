"""Population stability index.

    PSI = sum over bins of (q - p) ln(q / p)

with ``p`` the reference's shares and ``q`` the window's. It has no unit (nats) and is not bounded; it is the symmetric
Kullback-Leibler divergence. Source: Siddiqi, Credit Risk Scorecards (2006); with deciles of the reference, 0.1 and 0.25
are its customary thresholds.

A share of 0 would make it infinite. Shares are taken as 1e-4 at the least, the customary floor, or half a row where
there are fewer than 5,000 rows: one absent row must not weigh more than the sample can tell. A bin that is empty on
both sides adds nothing.

Where bins expect many rows, PSI / (1/n + 1/m) is chi-squared without drift (Yurdakul 2018); ``chance`` works out the
rest.
"""

from __future__ import annotations

import numpy as np

from modelwatch.exporters.statistics.method import Floats
from modelwatch.exporters.statistics.sides import Sides
from modelwatch.exporters.statistics.sums import SumOverBins


class Psi(SumOverBins):
    """See the module."""

    name = "psi"
    unit = "nats"

    @staticmethod
    def term(sides: Sides) -> Floats:
        q, p = sides.window.floored, sides.reference.floored
        return np.where(sides.filled, (q - p) * np.log(q / p), 0.0)
