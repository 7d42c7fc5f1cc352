"""PromQL over the contract: selectors that can only name metrics and labels that something emits.

Every function returns text. A selector that the contract does not know raises ContractError when the generator
runs, so a typo never reaches a rule file.
"""

from __future__ import annotations

import re
from decimal import Decimal

from modelwatch.telemetry import labels as L
from modelwatch.telemetry.metrics import BY_SERIES, Metric, MetricType


class ContractError(Exception):
    """A generator asked for a metric, label or function that the contract does not allow."""


def quote(value: str) -> str:
    """A PromQL string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def escape(text: str) -> str:
    """Text that a RE2 matcher takes literally: metacharacters only, since RE2 refuses other escapes."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def number(value: Decimal | float | int) -> str:
    """Shortest exact decimal text: never 0.9990000000000001, never exponents."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    text = format(exact, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def le(bound: float) -> str:
    """A matcher for one bucket edge: Prometheus 3 writes 1.0 where 2 writes 1, so whole numbers match both."""
    text = number(bound)
    return f'le="{text}"' if "." in text else f'le=~"{text}(\\\\.0)?"'


def selector(metric: Metric, *raw: str, series: str = "", **matchers: str) -> str:
    """An instant selector.

    ``series`` is "bucket", "sum" or "count" for a histogram. ``matchers`` are equalities (``model="x"``); ``raw`` are
    ready matchers such as ``le(0.25)`` or ``'model=~"$model"'``.
    """
    name = f"{metric.name}_{series}" if series else metric.name
    if name not in BY_SERIES:
        raise ContractError(f"{name} is no series of the contract (histograms need series='bucket', 'sum' or 'count')")
    allowed = {*metric.labels, *L.SCRAPE_LABELS, *(("le",) if series == "bucket" else ())}
    named = [re.split(r"[=!]", text, maxsplit=1)[0] for text in raw]
    for label in (*matchers, *named):
        if label not in allowed:
            raise ContractError(f"{metric.name} has no label {label!r}; it has {', '.join(sorted(allowed))}")
    body = ",".join([*(f"{label}={quote(value)}" for label, value in matchers.items()), *raw])
    return f"{name}{{{body}}}" if body else name


def _counting(text: str, function: str) -> None:
    name = re.split(r"[{\[ ]", text, maxsplit=1)[0]
    metric = BY_SERIES.get(name)
    if metric is not None and metric.type is MetricType.GAUGE:
        raise ContractError(f"{function}() needs a counter; {name} is a gauge")


def rate(series: str, window: str) -> str:
    """Per-second rate of a counter selector over ``window`` (such as ``5m`` or ``$__rate_interval``)."""
    _counting(series, "rate")
    return f"rate({series}[{window}])"


def increase(series: str, window: str) -> str:
    """Increase of a counter selector over ``window``."""
    _counting(series, "increase")
    return f"increase({series}[{window}])"


def total(expression: str, *by: str) -> str:
    """sum, keeping the labels ``by``."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def quantile(q: Decimal | float, bucket_rate: str, *by: str) -> str:
    """histogram_quantile over a rate of bucket series, keeping the labels ``by``."""
    return f"histogram_quantile({number(q)}, {total(bucket_rate, *by, 'le')})"
