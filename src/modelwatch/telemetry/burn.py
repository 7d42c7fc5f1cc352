"""When an error budget burns too fast: pairs of windows, and the share of the budget that each may spend.

From the multi-window, multi-burn-rate alerts of Google's SRE workbook, chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from modelwatch.telemetry.labels import PAGE, TICKET

# How often what the budget stands on is recorded: alerts and boards tell by the number of samples how much was seen.
BUDGET_MINUTES = 2


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """Someone is told when ``budget`` (a share of the whole) goes within ``long``, while ``short`` burns as fast.

    ``short`` and ``long`` are two of records.BURN_WINDOWS; ``hours`` is the long one's length.
    """

    severity: str
    short: str
    long: str
    hours: int
    budget: Decimal

    def factor(self, period_hours: Decimal | int) -> Decimal:
        """The burn rate that alerts, for an SLO whose window has that many hours: 14.4 for 2 % of 720 h in 1 h."""
        return self.budget * period_hours / self.hours


BURN_ALERTS = (
    BurnAlert(PAGE, "5m", "1h", 1, Decimal("0.02")),
    BurnAlert(PAGE, "30m", "6h", 6, Decimal("0.05")),
    BurnAlert(TICKET, "2h", "1d", 24, Decimal("0.1")),
    BurnAlert(TICKET, "6h", "3d", 72, Decimal("0.1")),
)
