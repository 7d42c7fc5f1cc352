"""Which windows the alerts on drift and data look at, and how they bridge a moment without an answer."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Scope
from modelwatch.model.units import Duration

_DAY = Duration.parse("1d")
# A sidecar or Prometheus that is restarted must not put out an alert, nor begin its wait again.
_BRIDGE = "5m"


def steady(scope: Scope) -> str:
    """The shortest window that evens out the rhythm of a day; the longest where the spec has none."""
    windows = scope.model.drift.windows
    return min((window for window in windows if window >= _DAY), default=windows[-1]).text


def quick(scope: Scope) -> str:
    """For faults of the data, which are no matter of rhythm: the shortest window."""
    return scope.model.drift.windows[0].text


def lately(selector: str) -> str:
    """The newest value of the last minutes."""
    return f"last_over_time({selector}[{_BRIDGE}])"
