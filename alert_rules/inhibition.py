"""Inhibition: a cause holds back its symptoms. A page is only ever held back by something that pages.

Invariants, each with a test: source and target are disjoint; ``equal`` is not empty and stands on both sides;
there are no cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelwatch.telemetry import labels as L


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert matching ``source`` fires, those matching ``target`` with equal labels are not notified."""

    why: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    equal: tuple[str, ...]

    def config(self) -> dict[str, Any]:
        return {"source_matchers": list(self.source), "target_matchers": list(self.target), "equal": list(self.equal)}


_SAME_MODEL = (L.MODEL, L.ENV)

INHIBITIONS = (
    Inhibition(
        "a model that is down has no errors, latency or drift of its own",
        ('alertname="ModelDown"', 'severity="page"'),
        ('category=~"errors|latency|saturation|traffic|slo|drift|quality|staleness|performance"',),
        _SAME_MODEL,
    ),
    Inhibition(
        "the same without a page: only what would not page either is held back",
        ('alertname="ModelDown"', 'severity="ticket"'),
        ('category=~"errors|latency|saturation|traffic|slo|drift|quality|staleness|performance"', 'severity!="page"'),
        _SAME_MODEL,
    ),
    Inhibition(
        "a fast burn says all that the slow burn of the same SLO would",
        ('alertname="ErrorBudgetBurnFast"', 'severity="page"'),
        ('alertname="ErrorBudgetBurnSlow"',),
        (*_SAME_MODEL, L.SLO),
    ),
    Inhibition(
        "drift far from the reference says all that mild drift of the same feature would",
        ('alertname="ModelFeatureDriftCritical"',),
        ('alertname="ModelFeatureDrift"',),
        (*_SAME_MODEL, L.FEATURE),
    ),
    Inhibition(
        "rows are rejected for a value of a wrong type: which feature says more than that they are",
        ('alertname="ModelFeatureTypeWrong"',),
        ('alertname="ModelRowsRejected"',),
        _SAME_MODEL,
    ),
    Inhibition(
        "stale sources drift and lose quality by themselves",
        ('alertname="ModelFeatureStale"',),
        ('category=~"drift|quality"', 'severity!="page"'),
        _SAME_MODEL,
    ),
    Inhibition(
        "spans are lost because the Collector is down",
        ('alertname="CollectorDown"',),
        ('alertname=~"SpansLost|SpansWaiting"', 'severity!="page"'),
        _SAME_MODEL,
    ),
    Inhibition(
        "the page says all that the ticket on the same losses would",
        ('alertname="CollectorLosesDataForLong"', 'severity="page"'),
        ('alertname="CollectorLosesData"',),
        _SAME_MODEL,
    ),
)
