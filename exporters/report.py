"""What ``GET /v1/models`` answers: every model, feature and window in plain words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from modelwatch.exporters.monitor import Snapshot
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.verdicts import Verdict, verdicts


def report(sidecar: Sidecar) -> dict[str, Any]:
    """All models by name; those still being loaded have only their status."""
    missing = sidecar.readiness().missing
    known = {s.layout.model.name: _model(s, missing.get(s.layout.model.name)) for s in sidecar.snapshots()}
    return {"models": [known.get(name, {"name": name, "status": "loading"}) for name in sidecar.names]}


def _model(snapshot: Snapshot, problem: str | None) -> dict[str, Any]:
    layout, tally = snapshot.layout, snapshot.tally
    by_feature: dict[str, list[Verdict]] = {watched.name: [] for watched in layout.watched}
    for window in layout.windows:
        for verdict in verdicts(layout, window, snapshot.totals[window.milliseconds]):
            by_feature[verdict.watched.name].append(verdict)
    every = [verdict for found in by_feature.values() for verdict in found]
    reference = layout.profile and {"sha256": layout.profile.sha256, "rows": layout.profile.rows}
    return {
        "name": layout.model.name,
        "status": _status(every),
        "problem": problem,
        "reference": reference,
        "rows": {"accepted": tally.accepted, "rejected": tally.rejected},
        "last_row": tally.last_row and datetime.fromtimestamp(tally.last_row, UTC).isoformat(timespec="seconds"),
        "features": [_feature(found) for found in by_feature.values() if found],
    }


def _status(every: list[Verdict]) -> str:
    """``drift``, ``ok``, ``collecting`` (no window has enough rows yet) or ``inactive`` (nothing to compare with)."""
    if any(verdict.detected for verdict in every):
        return "drift"
    if any(verdict.score is not None for verdict in every):
        return "ok"
    return "collecting" if any(verdict.watched.reference is not None for verdict in every) else "inactive"


def _feature(found: list[Verdict]) -> dict[str, Any]:
    watched = found[0].watched
    drift = watched.subject.feature.drift
    return {
        "name": watched.name,
        "type": watched.subject.feature.type,
        "method": drift.method,
        "warning": float(drift.warning),
        "critical": float(drift.critical),
        "windows": [
            {
                "window": verdict.window.text,
                "samples": verdict.samples,
                "score": verdict.score,
                "critical_value": verdict.critical_value,
                "detected": verdict.detected,
                "inactive": verdict.inactive,
                "missing_ratio": verdict.missing_ratio,
                "out_of_range_ratio": verdict.out_of_range_ratio,
                "new_category_ratio": verdict.new_category_ratio,
            }
            for verdict in found
        ],
    }
