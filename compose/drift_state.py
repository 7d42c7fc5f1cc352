"""What the sidecar says of each model, in a line: whether it drifts, and what its scores still wait for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from modelwatch.compose import web

# Names that a line has room for.
MOST_NAMES = 5
# Watched of every model that has them.
ANSWERS = ("prediction", "confidence")


@dataclass(frozen=True, slots=True)
class ModelState:
    """``status`` is the sidecar's own word: drift, ok, collecting, inactive or loading."""

    model: str
    status: str
    detail: str


def states(url: str) -> tuple[ModelState, ...]:
    """One for each model of the sidecar that has the page ``url``; none while it does not answer."""
    answer = web.ask(urljoin(url, "/v1/models"))
    if not answer.good:
        return ()
    try:
        found = json.loads(answer.text)["models"]
        return tuple(_state(model) for model in found)
    except (ValueError, KeyError, TypeError, AttributeError):
        # Something else answers there.
        return ()


def _state(model: Mapping[str, Any]) -> ModelState:
    features = model.get("features", [])
    drifting = [one["name"] for one in features if any(window["detected"] for window in one["windows"])]
    said = [model["problem"]] if model.get("problem") else []
    if drifting:
        said.append(f"drift in {_some(drifting)}")
    said += _rejected(model)
    said += _waiting(features)
    return ModelState(model["name"], model["status"], "; ".join(said))


def _rejected(model: Mapping[str, Any]) -> list[str]:
    """How many rows were not counted, and why."""
    rows, reasons = model.get("rows", {}), model.get("rejected_by_reason", {})
    rejected = rows.get("rejected", 0)
    if not rejected:
        return []
    most = sorted(reasons.items(), key=lambda item: -item[1])
    why = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in most)
    return [f"{rejected:,} of {rejected + rows['accepted']:,} rows rejected ({why})"]


def _waiting(features: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why there is no score, each reason once: for how many distributions, and in which windows."""
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
    ]


def _unasked(feature: Mapping[str, Any]) -> bool:
    """Whether it is an answer that neither the reference nor any row has: such a model says none."""
    name = feature["name"]
    return name in ANSWERS and all(
        window.get("samples") == 0 and str(window["inactive"]).startswith(f"the reference has no {name!r}")
        for window in feature["windows"]
    )


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
