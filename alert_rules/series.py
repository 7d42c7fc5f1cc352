"""Input series of the generated promtool tests, in promtool's expanding notation."""

from __future__ import annotations

from modelwatch.telemetry import promql
from modelwatch.telemetry.metrics import Metric


def series(metric: Metric, *, part: str = "", le: str = "", **labels: str) -> str:
    """A full series name; ``part`` is bucket, sum or count of a histogram, ``le`` the edge of a bucket."""
    text = promql.selector(metric, *((f"le={promql.quote(le)}",) if le else ()), series=part, **labels)
    return text if "{" in text else text + "{}"


def grow(per_step: float, steps: int, start: float = 0) -> str:
    """A counter that grows by ``per_step``, or a gauge that falls where that is negative."""
    sign = "-" if per_step < 0 else "+"
    return f"{promql.number(start)}{sign}{promql.number(abs(per_step))}x{steps}"


def flat(value: float, steps: int) -> str:
    """A value that stays."""
    return f"{promql.number(value)}+0x{steps}"


def then(*parts: str) -> str:
    """One after the other."""
    return " ".join(parts)
