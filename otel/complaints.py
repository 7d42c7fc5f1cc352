"""What a service passes and what is none: no request fails of it, and it is said once for each model.

Without the value, which may be anything.
"""

from __future__ import annotations

import logging
import operator

log = logging.getLogger("modelwatch.otel")

_told: set[tuple[str, str]] = set()


def _first(kind: str, model: str) -> bool:
    first = (kind, model) not in _told
    _told.add((kind, model))
    return first


def rows_of(rows: object, model: str) -> int:
    """A number of rows; 1 for what is none, since a request fails of nothing that is only counted."""
    try:
        number = operator.index(rows)  # type: ignore[arg-type]  # whatever a service passes
        if number >= 0:
            return number
    except TypeError:
        pass
    if _first("rows", model):
        log.warning(
            "a number of rows of %s was a %s that is no whole number from 0 on, and counts as 1, as do others like it: "
            "give batch=len(rows)",
            model,
            type(rows).__name__,
        )
    return 1


def confidence_left_out(model: str) -> None:
    if _first("confidence", model):
        log.warning(
            "a confidence of %s is no number from 0 to 1 and is left out, as are others like it: give 0.93 for 93 %%",
            model,
        )
