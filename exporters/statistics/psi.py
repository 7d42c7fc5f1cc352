"""Population stability index.

    PSI = sum over bins of (q - p) ln(q / p)

with ``p`` the reference's shares and ``q`` the window's. It has no unit (nats) and is not bounded; it is the symmetric
Kullback-Leibler divergence. Source: Siddiqi, Credit Risk Scorecards (2006); with deciles of the reference, 0.1 and 0.25
are its customary thresholds.

A share of 0 would make it infinite. Shares are taken as 1e-4 at the least, the customary floor, or half a row where
there are fewer than 5,000 rows: one absent row must not weigh more than the sample can tell. A bin that is empty on
both sides adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelwatch.exporters.statistics.chi_squared import quantile
from modelwatch.exporters.statistics.method import LEAST_ROWS, Counts, Shares, shares

FLOOR = 1e-4


@dataclass(frozen=True, slots=True)
class Psi:
    """See the module."""

    name: str = "psi"

    def score(self, counts: Counts, reference: Counts) -> float:
        q, p = _floored(counts), _floored(reference)
        return float(np.sum(np.where(counts + reference > 0, (q - p) * np.log(q / p), 0.0)))

    def critical_value(self, n: int, m: int, bins: int, alpha: float) -> float:
        """Without drift, PSI / (1/n + 1/m) is about chi-squared with bins - 1 degrees of freedom.

        Source: Yurdakul, Statistical properties of the population stability index (2018). It holds where a bin expects
        about 20 rows; ``pooling`` sees to that.
        """
        return quantile(alpha, max(bins - 1, 1)) * (1 / n + 1 / m)

    def needs(self, bins: int) -> int:  # noqa: ARG002  # pooling makes the need the same for any number of bins
        return LEAST_ROWS


def _floored(counts: Counts) -> Shares:
    return np.maximum(shares(counts), max(FLOOR, 0.5 / int(counts.sum())))
