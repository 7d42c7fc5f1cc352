"""Which receivers an alert reaches, by Alertmanager's own rules for a routing tree (matchers, first match, continue)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MATCHER = re.compile(r'^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"(.*)"\s*$')


def matches(matcher: str, labels: Mapping[str, str]) -> bool:
    """One matcher in Alertmanager's notation; a label that is absent is empty. Raises ValueError."""
    found = _MATCHER.match(matcher)
    if found is None:
        raise ValueError(f"{matcher!r} is no matcher")
    name, operator, value = found.groups()
    actual = labels.get(name, "")
    hit = actual == value if operator in ("=", "!=") else re.fullmatch(value, actual) is not None
    return hit if operator in ("=", "=~") else not hit


def receivers(route: Mapping[str, Any], labels: Mapping[str, str], inherited: str = "") -> tuple[str, ...]:
    """Names of the receivers that these labels reach, in order; empty when the route does not match."""
    if not all(matches(matcher, labels) for matcher in route.get("matchers", ())):
        return ()
    own = route.get("receiver", inherited)
    out: list[str] = []
    for child in route.get("routes", ()):
        reached = receivers(child, labels, own)
        out += reached
        if reached and not child.get("continue"):
            break
    return tuple(out) or (own,)
