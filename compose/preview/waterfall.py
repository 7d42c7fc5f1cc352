"""A trace as rows to draw: its spans in tree order, what each took by itself, and where the time went."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelwatch.compose.preview.spans import Span

MOST_ROWS = 400


@dataclass(frozen=True, slots=True)
class Row:
    """One span. ``left`` and ``width`` are its bar in percent of the trace; ``own`` is the time in no span below it.

    ``hidden`` spans directly below it are not drawn; together they took ``hidden_time``.
    """

    span: Span
    depth: int
    left: float
    width: float
    own: int
    orphan: bool = False
    hidden: int = 0
    hidden_time: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What one stage, or one kind of span, took by itself in the whole trace."""

    name: str
    stage: str
    spans: int
    own: int
    left: float
    """Where its part of a bar of all shares begins, in percent."""
    width: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    rows: tuple[Row, ...]
    shares: tuple[Share, ...]
    spans: int
    errors: int
    start: int
    end: int

    @property
    def duration(self) -> int:
        return self.end - self.start

    @property
    def together(self) -> int:
        """What all took by themselves; more than ``duration`` where some ran at the same time."""
        return sum(share.own for share in self.shares)

    @property
    def root(self) -> Span:
        return self.rows[0].span


def waterfall(spans: Sequence[Span], most: int = MOST_ROWS, window: tuple[int, int] | None = None) -> Waterfall:
    """``spans`` is not empty. Where there are more than ``most``, what failed and what took long is drawn.

    ``window`` is the time that the bars stand in, where it is not that of the spans.
    """
    children, roots = _tree(spans)
    own = {span.id: _own(span, children.get(span.id, ())) for span in spans}
    start, end = window or (min(span.start for span in spans), max(span.end for span in spans))
    drawn = _chosen(spans, roots, most)
    known = {span.id for span in spans}
    rows = []
    waiting = [(root, 0) for root in reversed(roots)]
    while waiting:  # a loop: a chain of spans may be deeper than Python's stack
        span, depth = waiting.pop()
        if span.id not in drawn:
            continue
        below = children.get(span.id, ())
        left_out = [child for child in below if child.id not in drawn]
        left, width = _place(span.start, span.end, start, end)
        orphan = depth == 0 and bool(span.parent) and span.parent not in known
        time = sum(child.duration for child in left_out)
        rows.append(Row(span, depth, left, width, own[span.id], orphan, len(left_out), time))
        waiting += [(child, depth + 1) for child in reversed(below)]
    failed = sum(span.failed for span in spans)
    return Waterfall(tuple(rows), _shares(spans, own), len(spans), failed, start, end)


def _tree(spans: Sequence[Span]) -> tuple[Mapping[str, list[Span]], list[Span]]:
    """Children by their parent's id, and the roots: what has no parent here, and one span of each circle."""
    known = {span.id: span for span in spans}
    children: dict[str, list[Span]] = defaultdict(list)
    roots: list[Span] = []
    ordered = sorted(spans, key=lambda span: (span.start, -span.end, span.id))
    for span in ordered:
        if span.parent in known and span.parent != span.id:
            children[span.parent].append(span)
        else:
            roots.append(span)
    seen = _reached(roots, children)
    for span in ordered:
        if span.id not in seen:  # in a circle, or below one: it is opened here
            children[span.parent].remove(span)
            roots.append(span)
            seen |= _reached([span], children)
    return children, roots


def _reached(roots: Iterable[Span], children: Mapping[str, Sequence[Span]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        span = waiting.pop()
        seen.add(span.id)
        waiting += children.get(span.id, ())
    return seen


def _chosen(spans: Sequence[Span], roots: Sequence[Span], most: int) -> set[str]:
    """Ids of the spans that are drawn, each with all that it is below of."""
    if len(spans) <= most:
        return {span.id for span in spans}
    by_id, tops = {span.id: span for span in spans}, {span.id for span in roots}
    drawn: set[str] = set()
    for span in sorted(spans, key=lambda span: (span.id not in tops, not span.failed, -span.duration, span.start)):
        path = []
        at: Span | None = span
        while at is not None and at.id not in drawn:
            path.append(at.id)
            at = None if at.id in tops else by_id.get(at.parent)
        if len(drawn) + len(path) <= most:
            drawn.update(path)
        if len(drawn) == most:
            break
    # A chain deeper than there are rows has no place for its end, but its beginning is shown.
    return drawn


def _own(span: Span, below: Sequence[Span]) -> int:
    """Its time less what its children cover, which may overlap one another and reach beyond it."""
    covered, until = 0, span.start
    for child in below:  # sorted by start
        begin, end = max(child.start, until), min(child.end, span.end)
        if end > begin:
            covered += end - begin
            until = end
    return span.duration - covered


def _shares(spans: Sequence[Span], own: Mapping[str, int]) -> tuple[Share, ...]:
    """Largest first."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(list)
    for span in spans:
        counts[span.stage or span.name, span.stage].append(own[span.id])
    whole = sum(own.values()) or 1
    out, left = [], 0.0
    for (name, stage), times in sorted(counts.items(), key=lambda item: (-sum(item[1]), item[0])):
        width = 100 * sum(times) / whole
        out.append(Share(name, stage, len(times), sum(times), left, width))
        left += width
    return tuple(out)


def _place(begin: int, finish: int, start: int, end: int) -> tuple[float, float]:
    whole = (end - start) or 1
    return round(100 * (begin - start) / whole, 3), round(100 * (finish - begin) / whole, 3)
