"""What the sidecar says of itself and of each model: whether it drifts, and what its scores still wait for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from modelwatch.compose import web
from modelwatch.compose.drift_findings import Drift, Share, drifts, shares
from modelwatch.compose.drift_findings import told as findings
from modelwatch.compose.related_findings import Correlation, Unlike, correlations, unlike
from modelwatch.compose.related_findings import told as together

# Seconds.
PATIENCE = 20.0
_LATER = "some scores are still being worked out; ask again in some seconds"
# Watched of every model that has them.
ANSWERS = ("prediction", "confidence")


@dataclass(frozen=True, slots=True)
class ModelState:
    """``status`` is the sidecar's own word: drift, ok, collecting, inactive or loading. ``lines`` tell of ``drifts``,
    ``shares`` and ``correlations`` the worst, and all else; ``detail`` is all of them. ``unlike`` is how far rows lie
    off the reference, where that is too far."""

    model: str
    status: str
    detail: str
    lines: tuple[str, ...] = ()
    drifts: tuple[Drift, ...] = ()
    shares: tuple[Share, ...] = ()
    unlike: Unlike | None = None
    correlations: tuple[Correlation, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """``notes`` are what concerns no single model. ``whole`` is False where the sidecar did not say all in time."""

    models: tuple[ModelState, ...] = ()
    notes: tuple[str, ...] = ()
    whole: bool = True


def look(url: str) -> Said:
    """What the sidecar says that has the page ``url``; nothing while it does not answer."""
    answer = web.ask(urljoin(url, "/v1/models"), timeout=PATIENCE)
    if answer.status == 0 and "timed out" in answer.text:
        late = f"the sidecar did not say how its models stand within {PATIENCE:.0f} s: it is busy; ask again"
        return Said(notes=(late,), whole=False)
    if answer.status == 401:
        return Said(
            notes=(f"the sidecar shows its models only to who brings a token (--protect-metrics){_why(answer)}",)
        )
    if not answer.good:
        return Said()
    try:
        found = json.loads(answer.text)
        locked = [f"nobody can send rows: {found['locked']}"] if found.get("locked") else []
        notes = (*_warming(found), *locked, *_reload(found), *_refused(found, "of no known model "), *_skipped(found))
        return Said(tuple(_state(model) for model in found["models"]), notes)
    except (ValueError, KeyError, TypeError, AttributeError):
        # Something else answers there.
        return Said()


def _why(answer: web.Answer) -> str:
    """That no token would do, where that is so."""
    return ": nobody is let in, for it cannot read its --token-file" if "cannot read" in answer.text else ""


def _state(model: Mapping[str, Any]) -> ModelState:
    features = model.get("features", [])
    drift, share = drifts(features), shares(features)
    answers = model.get("answers", [])
    far, moved = unlike(answers), correlations(answers)
    said = [model["problem"]] if model.get("problem") else []
    said += findings(drift, share)
    said += together(far, moved)
    said += _refused(model)
    said += _rejected(model)
    said += _waiting(features, told=model.get("problem") or "")
    return ModelState(model["name"], model["status"], "; ".join(said), tuple(said), drift, share, far, moved)


def _warming(found: Mapping[str, Any]) -> list[str]:
    return [f"the sidecar has just started or loaded something: {_LATER}"] if found.get("warming") else []


def _reload(found: Mapping[str, Any]) -> list[str]:
    """That the specs in use are not those in the folder, and the first reason."""
    reload = found.get("last_reload", {})
    problem = reload.get("problem")
    if not problem:
        return []
    first, *more = str(problem).splitlines()
    since = f" of {reload['last_success']}" if reload.get("last_success") else ""
    others = f" (and {len(more)} more: `modelwatch check`)" if more else ""
    return [f"the sidecar could not load the specs anew and goes on with those{since}: {first}{others}"]


def _refused(found: Mapping[str, Any], whose: str = "") -> list[str]:
    """How many requests were refused as a whole, and why: their rows are in no other number."""
    reasons = found.get("refused_requests", {})
    if not reasons:
        return []
    count = sum(reasons.values())
    return [f"{count:,} request{'s' * (count != 1)} {whose}refused ({_most(reasons)}): its log says whose"]


def _skipped(found: Mapping[str, Any]) -> list[str]:
    """How many lines of prediction logs count nowhere, and why."""
    reasons = found.get("skipped_lines", {})
    if not reasons:
        return []
    count = sum(reasons.values())
    return [f"{count:,} line{'s' * (count != 1)} of prediction logs not counted ({_most(reasons)}): its log says where"]


def _most(reasons: Mapping[str, int]) -> str:
    """The most frequent reason first."""
    ranked = sorted(reasons.items(), key=lambda item: -item[1])
    return ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in ranked)


def _rejected(model: Mapping[str, Any]) -> list[str]:
    """How many rows were not counted, and why."""
    rows, reasons = model.get("rows", {}), model.get("rejected_by_reason", {})
    rejected = rows.get("rejected", 0)
    if not rejected:
        return []
    return [f"{rejected:,} of {rejected + rows['accepted']:,} rows rejected ({_most(reasons)})"]


def _waiting(features: Sequence[Mapping[str, Any]], told: str = "") -> list[str]:
    """Why there is no score, each reason that is not ``told`` yet: for how many distributions, and in which windows."""
    windows: dict[str, dict[str, None]] = {}
    names: dict[str, set[str]] = {}
    for feature in features:
        for window in feature["windows"]:
            why = window["inactive"]
            if why and not _unasked(feature):
                windows.setdefault(why, {})[window["window"]] = None
                names.setdefault(why, set()).add(feature["name"])
    return [
        f"no score for {len(names[why])} of {len(features)} in {', '.join(where)}: {why}"
        for why, where in windows.items()
        if why not in told
    ]


def _unasked(feature: Mapping[str, Any]) -> bool:
    """Whether it is an answer that neither the reference nor any row has: such a model says none."""
    name = feature["name"]
    return name in ANSWERS and all(
        window.get("samples") == 0 and str(window["inactive"]).startswith(f"the reference has no {name!r}")
        for window in feature["windows"]
    )
