"""Which of the two text formats a scraper would rather have, by its Accept header.

The client library's own chooser (prometheus_client 0.26) takes the first of the header's entries, whatever weights say.
"""

from __future__ import annotations

import re

_OPENMETRICS = "application/openmetrics-text"
# What stands for the text format, the most telling first.
_TEXT = ("text/plain", "text/*", "*/*")
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)


def wants_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics is named and weighs no less than the text format, which is for who names neither."""
    weights: dict[str, float] = {}
    for entry in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        # Of several versions the one that is wanted most: there is one of each here.
        weights[kind] = max(weights.get(kind, 0.0), _weight(parameters))
    text = next((weights[kind] for kind in _TEXT if kind in weights), 0.0)
    openmetrics = weights.get(_OPENMETRICS, 0.0)
    return openmetrics > 0 and openmetrics >= text


def _weight(parameters: list[str]) -> float:
    """1 where there is none, and for one that cannot be read."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q" and _WEIGHT.fullmatch(value.strip()):
            return float(value)
    return 1.0
