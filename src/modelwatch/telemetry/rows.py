"""One row of a model as JSON, as services send it to the drift sidecar or write it to prediction logs.

Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Plain = str | float | int | bool | None


def document(features: Mapping[str, Any], timestamp: Any, prediction: Any, confidence: Any, id: Any) -> dict[str, Any]:
    """What is None is left out, but for features: there it is a missing value."""
    made: dict[str, Any] = {
        "features": {_text(str(name)): plain(value) for name, value in features.items()},
        "timestamp": plain(timestamp),
    }
    for name, value in (("prediction", prediction), ("confidence", confidence), ("id", id)):
        if value is not None:
            made[name] = plain(value)
    return made


def plain(value: Any) -> Plain:
    """A value as JSON has it: NaN and infinity are None, numpy's scalars are numbers, anything else is its text."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return float(value) if math.isfinite(value) else None
        case str():
            return _text(value)
    return _foreign(value)


def _text(text: str) -> str:
    """``text`` with a question mark for each half of a surrogate pair, which is no text that JSON can carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _foreign(value: Any) -> Plain:
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "item"):
        return plain(value.item())
    if hasattr(value, "__float__"):
        return plain(float(value))
    text = value.isoformat() if hasattr(value, "isoformat") else value
    return plain(str(text)[:1000])
