"""What the spec expects of `predicted`: what the sidecar would reject much later is said once, where it can be mended.

As the sidecar reads values: a category that the reference writes 3.0 or True may come as 3 or true; a boolean is no
number; nothing is no wrong value. Values are not quoted, since they may be anything.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import Any

from modelwatch.model.types import Model
from modelwatch.telemetry.rows import Plain, plain

log = logging.getLogger("modelwatch.otel")

_WHOLE = re.compile(r"-?\d+\.0+")
_EXACT = 1e15  # from here on floats write whole numbers with an exponent
_NAMED = 10
_told: set[tuple[str, str]] = set()


class Expected:
    """Of one model. Its methods never raise, and cost little for a value that is as expected."""

    __slots__ = ("_classes", "_known", "_model", "_numeric", "_numeric_answer", "_type")

    def __init__(self, model: Model) -> None:
        self._model, self._type, self._classes = model.name, model.task.type, model.task.classes
        self._numeric_answer = model.task.type != "classification"
        self._known = known(model.task.classes)
        self._numeric = tuple(feature.name for feature in model.features if feature.type == "numeric")

    def prediction(self, value: Any) -> None:
        """``value`` is not None."""
        kind = type(value)
        if kind is str:
            if value in self._known and not self._numeric_answer:
                return
        elif self._numeric_answer and (kind is float or kind is int):
            return
        try:
            self._answered(plain(value))
        except Exception:  # an object of the service's own may raise anything when it is read
            self._complain_of_type(kind.__name__)

    def features(self, found: Mapping[str, Plain]) -> None:
        """Of a row as JSON has it; a text or boolean where a number is to be."""
        for name in self._numeric:
            value = found.get(name)
            if isinstance(value, str | bool):
                self._say(
                    "feature",
                    "feature %s of %s was a %s, but the spec calls it numeric, and the sidecar rejects such rows: "
                    "give predicted() a number, or make the feature categorical",
                    name,
                    self._model,
                    type(value).__name__,
                )

    def _answered(self, value: Plain) -> None:
        if value is None:
            return
        if self._numeric_answer:
            if isinstance(value, str | bool):
                self._complain_of_type(type(value).__name__)
        elif self._classes and category(value) not in self._known:
            some = ", ".join(self._classes[:_NAMED])
            more = len(self._classes) - _NAMED
            self._say(
                "class",
                "a prediction of %s is none of task.classes (%s%s), and the sidecar rejects such rows: "
                "give predicted() one of them, or add it to the spec",
                self._model,
                some,
                f" and {more} more" if more > 0 else "",
            )

    def _complain_of_type(self, kind: str) -> None:
        needed = "a number" if self._numeric_answer else "a text, a number or a boolean"
        self._say(
            "type",
            "a prediction of %s was a %s, but task.type %s needs %s, and the sidecar rejects such rows: "
            "give predicted() that",
            self._model,
            kind,
            self._type,
            needed,
        )

    def _say(self, kind: str, text: str, *args: object) -> None:
        if (self._model, kind) not in _told:
            _told.add((self._model, kind))
            log.warning(text, *args)


def known(classes: tuple[str, ...]) -> frozenset[str | None]:
    """Texts that are one of the classes; the empty text is a missing answer."""
    found: set[str | None] = {None, "", *classes}
    found |= {name.partition(".")[0] for name in classes if _WHOLE.fullmatch(name)}
    found |= {name.lower() for name in classes if name in ("True", "False", "TRUE", "FALSE")}
    return frozenset(found)


def category(value: Plain) -> str | None:
    """The text of a class."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    return None if value is None else str(value)
