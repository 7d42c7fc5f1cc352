"""Exemplars of latency: single requests in the histogram, with the trace that each came from."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import PREDICTION_DURATION
from modelwatch.telemetry.spans import EXEMPLAR_TRACE_ID

if TYPE_CHECKING:
    from modelwatch.compose.preview.prometheus import Prometheus
    from modelwatch.compose.preview.timerange import TimeRange

SHOWN = 12
TRACE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Exemplar:
    """``time`` and ``value`` in nanoseconds."""

    trace: str
    time: int
    value: int
    version: str


async def slowest(prometheus: Prometheus, model: str, range_: TimeRange) -> tuple[tuple[Exemplar, ...], str]:
    """The longest of a model's in the range, and why there are none where Prometheus does not say."""
    selector = q.selector(PREDICTION_DURATION, series="bucket", model=model)
    query = {"query": selector, "start": f"{range_.start / 1000:.3f}", "end": f"{range_.end / 1000:.3f}"}
    answer = await prometheus.get("api/v1/query_exemplars", urlencode(query))
    data = answer.member("data")
    if answer.status != 200 or not isinstance(data, list):
        return (), str(answer.member("error") or f"Prometheus answers with HTTP {answer.status}")
    return read(data), ""


def read(data: list[Any]) -> tuple[Exemplar, ...]:
    """Of an answer of query_exemplars the longest, each trace once."""
    best: dict[str, Exemplar] = {}
    for series in data:
        version = str(series.get("seriesLabels", {}).get("version", ""))
        for each in series.get("exemplars", ()):
            trace = str(each.get("labels", {}).get(EXEMPLAR_TRACE_ID, ""))
            value, time = _number(each.get("value")), _number(each.get("timestamp"))
            if TRACE_ID.fullmatch(trace) and (trace not in best or best[trace].value < value * 1e9):
                best[trace] = Exemplar(trace, int(time * 1e9), int(value * 1e9), version)
    return tuple(sorted(best.values(), key=lambda one: (-one.value, one.trace))[:SHOWN])


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) else 0.0
