"""One answer to a scrape: lines by metric, in either of Prometheus' text formats.

A model of 40 features has thousands of series whose names and labels never change. They are written once, when the
layout is made (``Block``); a scrape only puts the numbers behind them. Rendering 4,000 series so takes about 1 ms, and
26 ms through the client library's Gauge children. The tests read both formats back with the library's parsers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import compress, pairwise

import numpy as np
import orjson
from numpy.typing import NDArray

from modelwatch.telemetry.metrics import CONTRACT, Emitter, Metric

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_ESCAPES = {**_HELP_ESCAPES, ord('"'): r"\""}


@dataclass(frozen=True, slots=True)
class Series:
    """The beginnings of the lines of one metric, up to the value."""

    metric: Metric
    starts: tuple[str, ...]

    @classmethod
    def of(cls, metric: Metric, labels: Iterable[Sequence[str]]) -> Series:
        """One series for each tuple of label values, in the order of ``metric.labels``."""
        return cls(metric, tuple(start(metric.name, metric.labels, values) for values in labels))


class Block:
    """Series of several metrics whose numbers come as one array, in the order of ``series``.

    As floats, as the client library writes every number. NaN is no number: that series is left out.
    """

    def __init__(self, series: Sequence[Series]) -> None:
        self._starts = [begun for one in series for begun in one.starts]
        self._names = [one.metric.name for one in series]
        self._ends = np.cumsum([len(one.starts) for one in series])
        self._known = np.empty(0, dtype=np.bool_)
        # What begins a line and, behind it, its number; lines of a metric but for the first begin with a line feed.
        self._parts: list[str] = []
        self._slices: list[tuple[str, slice]] = []

    def lines(self, values: NDArray[np.float64]) -> Iterator[tuple[str, str]]:
        """By metric, those that have any; several lines in one text."""
        if len(values) != len(self._starts):
            raise ValueError(f"{len(values)} numbers for {len(self._starts)} series of {', '.join(self._names)}")
        known = ~np.isnan(values)
        if not np.array_equal(known, self._known):
            self._know(known)
        parts = self._parts.copy()
        parts[1::2] = _texts(values[known])
        return ((name, "".join(parts[where])) for name, where in self._slices)

    def _know(self, known: NDArray[np.bool_]) -> None:
        """It seldom changes which series have a number."""
        ends = np.concatenate([[0], np.cumsum(known)])[self._ends].tolist()
        places = [(name, first, last) for name, (first, last) in zip(self._names, pairwise([0, *ends]), strict=True)]
        begun = ["\n" + one for one in compress(self._starts, known.tolist())]
        for _, first, last in places:
            if first < last:
                begun[first] = begun[first][1:]
        self._known, self._parts = known, [""] * (2 * len(begun))
        self._parts[0::2] = begun
        self._slices = [(name, slice(2 * first, 2 * last)) for name, first, last in places if first < last]


def _texts(values: NDArray[np.float64]) -> list[str]:
    """Each number, none of them NaN, as the shortest text that reads back as it: in a fourth of repr's time."""
    if not len(values):
        return []
    if np.isinf(values).any():
        # JSON has no infinity.
        return list(map(repr, values.tolist()))
    return orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode().split(",")


def start(name: str, labels: Sequence[str], values: Sequence[str]) -> str:
    """A line up to its value. Raises ValueError when there are not as many values as labels."""
    # Sorted, as the client library writes them: people search for lines.
    pairs = sorted(zip(labels, values, strict=True))
    body = ",".join(f'{label}="{value.translate(_ESCAPES)}"' for label, value in pairs)
    return f"{name}{{{body}}} " if body else f"{name} "


@lru_cache(maxsize=10_000)
def single(name: str, labels: tuple[str, ...], values: tuple[str, ...]) -> str:
    """``start`` of a single number, which is the same one at every scrape."""
    return start(name, labels, values)


@lru_cache(maxsize=1000)
def head(name: str, kind: str, help: str, openmetrics: bool) -> str:
    """What stands above the lines of a metric, a counter with its ``_total`` or without."""
    if kind == "counter":
        # OpenMetrics alone names its family without the suffix that its lines have.
        name = name.removesuffix("_total") + ("" if openmetrics else "_total")
    return f"# HELP {name} {help.translate(_HELP_ESCAPES)}\n# TYPE {name} {kind}"


@cache
def _heads(openmetrics: bool) -> tuple[tuple[str, str], ...]:
    """Each of the sidecar's metrics with what stands above its lines."""
    return tuple(
        (metric.name, head(metric.name, metric.type.value, metric.help, openmetrics))
        for metric in CONTRACT
        if metric.emitter is Emitter.SIDECAR
    )


class Page:
    """Collects lines of the sidecar's metrics. Every metric has its head even where it has no series."""

    def __init__(self) -> None:
        self._lines: defaultdict[str, list[str]] = defaultdict(list)

    def block(self, block: Block, *values: NDArray[np.float64] | NDArray[np.int64]) -> None:
        """Add numbers, together of shape (all series of the block,)."""
        for name, lines in block.lines(np.concatenate(values, dtype=np.float64)):
            self._lines[name].append(lines)

    def add(self, metric: Metric, value: float, *labels: str) -> None:
        """Add a single number."""
        self._lines[metric.name].append(single(metric.name, metric.labels, labels) + repr(float(value)))

    def take(self, other: Page) -> None:
        """Add all lines of another page."""
        for name, lines in other._lines.items():
            self._lines[name] += lines

    def text(self, openmetrics: bool = False, more: Iterable[str] = ()) -> str:
        """The page, and ``more`` lines. OpenMetrics' closing ``# EOF`` is left to who knows that nothing follows."""
        parts: list[str] = []
        for name, head in _heads(openmetrics):
            parts.append(head)
            parts += self._lines.get(name, ())
        parts += more
        parts.append("")
        return "\n".join(parts)
