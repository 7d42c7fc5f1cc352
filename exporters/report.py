"""What ``GET /v1/models`` answers: every model, feature and window in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from modelwatch.exporters.guards import WARMING
from modelwatch.exporters.layout import Watched
from modelwatch.exporters.monitor import Snapshot
from modelwatch.exporters.refusals import NO_MODEL
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.verdicts import Judgement
from modelwatch.model import defaults
from modelwatch.model import types as t

# Reasons for having no score that end by themselves.
_PASSING = frozenset({"few_samples", "few_values", "constant_values", WARMING.reason})


def report(sidecar: Sidecar) -> dict[str, Any]:
    """All models by name; those still being loaded have only their status."""
    # Asked before scores are: what they lack is then told even if it has just come.
    warming, missing = sidecar.warming, sidecar.readiness().missing
    known = {
        snapshot.layout.model.name: _model(snapshot, judgements, missing.get(snapshot.layout.model.name))
        for snapshot, judgements in sidecar.judged()
    }
    return {
        "models": [
            {**known.get(name, {"name": name, "status": "loading"}), "refused_requests": _refused(sidecar, name)}
            for name in sidecar.names
        ],
        "warming": warming,
        "refused_requests": _refused(sidecar, NO_MODEL),
        "skipped_lines": {reason: count for reason, count in sidecar.skipped.counts().items() if count},
        "last_reload": {
            "successful": sidecar.reload.successful,
            "last_success": _time(sidecar.reload.at),
            "problem": sidecar.reload.problem,
        },
    }


def _refused(sidecar: Sidecar, model: str) -> dict[str, int]:
    """By reason, those that have refused any."""
    return {reason: count for reason, count in sidecar.refusals.of(model).items() if count}


def _model(snapshot: Snapshot, judgements: Sequence[Judgement], problem: str | None) -> dict[str, Any]:
    layout, tally = snapshot.layout, snapshot.tally
    reference = layout.profile and {"sha256": layout.profile.sha256, "rows": layout.profile.rows}
    return {
        "name": layout.model.name,
        "status": _status(judgements),
        "problem": problem,
        "reference": reference,
        "same": layout.model.drift.same,
        "rows": {"accepted": tally.accepted, "rejected": tally.rejected},
        "rejected_by_reason": dict(tally.reasons),
        "last_row": _time(tally.last_row),
        "answers": [_answers(judgement) for judgement in judgements],
        "features": [_feature(snapshot, judgements, place) for place in range(len(layout.watched))],
    }


def _status(judgements: Sequence[Judgement]) -> str:
    """``drift``, ``ok``, ``collecting`` (what is missing comes by itself) or ``inactive`` (nothing to compare with)."""
    if any(np.nansum(judgement.drifted) > 0 for judgement in judgements):
        return "drift"
    if any(why is None for judgement in judgements for why in judgement.inactive):
        return "ok"
    waiting = any(why is not None and why.reason in _PASSING for j in judgements for why in j.inactive)
    return "collecting" if waiting else "inactive"


# Of features together: what the alerts on them look at.
_TOGETHER = {
    "reconstruction_error_ratio": float(defaults.RECONSTRUCTION_ERROR_RATIO),
    "correlation_change": defaults.CORRELATION_CHANGE,
}


def _answers(judgement: Judgement) -> dict[str, Any]:
    constant, related = judgement.answers.constant, judgement.relations
    largest = {
        "reconstruction_error_ratio": related.reconstruction,
        "correlation_change": max((abs(change) for *_, change in related.changes), default=0.0),
    }
    return {
        "window": judgement.window.text,
        "low_confidence_ratio": _number(judgement.answers.unsure),
        "constant": None if math.isnan(constant) else bool(constant),
        "reconstruction_error_ratio": _number(related.reconstruction),
        "reconstruction_inactive": related.unknown,
        "correlation_changes": [
            {"feature": one, "other": other, "change": change} for one, other, change in related.changes
        ],
        "limits": dict(_TOGETHER),
        "above_limits": [name for name, limit in _TOGETHER.items() if largest[name] > limit],
    }


def _feature(snapshot: Snapshot, judgements: Sequence[Judgement], place: int) -> dict[str, Any]:
    watched = snapshot.layout.watched[place]
    drift, limits = watched.subject.feature.drift, _limits(snapshot.layout.model, watched)
    return {
        "name": watched.name,
        "type": watched.subject.feature.type,
        "method": drift.method,
        "warning": float(drift.warning),
        "critical": float(drift.critical),
        "limits": limits,
        "windows": [_window(judgement, place, drift.method, limits) for judgement in judgements],
    }


def _limits(model: t.Model, watched: Watched) -> dict[str, float]:
    """Of the shares that the spec's alerts look at; prediction and confidence have none."""
    feature = watched.subject.feature
    if watched.subject.role != "feature":
        return {}
    found = {"missing_ratio": feature.missing_max_ratio} if feature.missing_max_ratio < 1 else {}
    if feature.range is not None:
        found["out_of_range_ratio"] = model.limits.out_of_range_ratio
    if feature.type == "categorical":
        found["new_category_ratio"] = model.limits.new_category_ratio
    return {name: float(limit) for name, limit in found.items()}


def _window(judgement: Judgement, place: int, method: str, limits: Mapping[str, float]) -> dict[str, Any]:
    why = judgement.inactive[place]
    shares = {
        "missing_ratio": _number(judgement.missing[place]),
        "out_of_range_ratio": _number(judgement.outside[place]),
        "new_category_ratio": _number(judgement.new[place]),
    }
    enough = judgement.samples[place] >= max(judgement.layout.model.drift.min_samples, 1)
    drifted = judgement.drifted[place]
    scores = {name: _number(values[place]) for name, values in judgement.scores.items()}
    return {
        "window": judgement.window.text,
        "samples": int(judgement.samples[place]),
        "score": scores.get(method),
        "critical_value": _number(judgement.critical[method][place]) if method in judgement.critical else None,
        "detected": None if math.isnan(drifted) else bool(drifted),
        "inactive": why and why.sentence,
        **shares,
        "above_limits": [name for name, limit in limits.items() if enough and (shares[name] or 0.0) > limit],
        "mismatched_ratio": _number(judgement.mismatched[place]),
        "scores": {name: score for name, score in scores.items() if score is not None},
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
