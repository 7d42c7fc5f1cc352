"""Recording rules that tell the drift of a whole fleet, however many replicas of the sidecar count for it."""

from __future__ import annotations

from modelwatch.alert_rules import drift_counts, drift_scores
from modelwatch.alert_rules.rules import Recording, Scope


def rules(scope: Scope) -> tuple[Recording, ...]:
    """In order: each reads what those before it record. Nothing without a baseline to compare with."""
    if scope.model.baseline is None:
        return ()
    return (*drift_counts.counts(scope), *drift_scores.records(scope))
