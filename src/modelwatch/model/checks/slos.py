"""Service level objectives that can be kept, measured, and paged for."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_UP, Decimal

from modelwatch.model import codes, defaults
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document
from modelwatch.model.units import Duration
from modelwatch.telemetry.burn import BURN_ALERTS
from modelwatch.telemetry.labels import PAGE
from modelwatch.telemetry.metrics import LATENCY_BUCKETS

BUCKETS = tuple(Duration(round(seconds * 1000)) for seconds in LATENCY_BUCKETS)
_PAGES = tuple(pair for pair in BURN_ALERTS if pair.severity == PAGE)
_LONGEST_BURN = Duration(max(pair.hours for pair in BURN_ALERTS) * 3_600_000)
# At 28 days the slowest alert fires at 0.93 of the pace that just spends the budget. Further down it fires for SLOs
# that are kept.
_SHORTEST_WINDOW = Duration.parse("28d")


def check(document: Document) -> Iterator[Diagnostic]:
    for index in range(document.count("slos")):
        yield from _bucket(document, index)
        yield from _window(document, index)
        yield from _pages(document, index)


def _bucket(document: Document, index: int) -> Iterator[Diagnostic]:
    """A histogram counts exactly only up to an edge of a bucket."""
    threshold = document.duration("slos", index, "sli", "latency")
    if threshold is None or threshold in BUCKETS:
        return
    below = [edge for edge in BUCKETS if edge < threshold][-1:]
    above = [edge for edge in BUCKETS if edge > threshold][:1]
    near = " or ".join(str(edge) for edge in (*below, *above))
    every = ", ".join(str(edge) for edge in BUCKETS)
    help = f"use {near}; buckets are the same for every model and cannot be set: {every}"
    message = f"{threshold} is no bucket of the latency histogram"
    yield document.diagnostic(codes.NO_BUCKET, document.span("slos", index, "sli", "latency"), message, help)


def _period(document: Document, index: int) -> Duration | None:
    if document.has("slos", index, "window"):
        return document.duration("slos", index, "window")
    return defaults.SLO_WINDOW


def _window(document: Document, index: int) -> Iterator[Diagnostic]:
    window = _period(document, index)
    if window is None or window >= _SHORTEST_WINDOW:
        return
    span = document.span("slos", index, "window")
    if window < _LONGEST_BURN:
        message = f"{window} is shorter than {_LONGEST_BURN}, over which its slowest alert looks"
        yield document.diagnostic(codes.SLO_WINDOW, span, message, "use 30d, or 28d for whole weeks")
    else:
        message = f"over {window} a tenth of the budget in 3d is no bad sign, yet it raises a ticket"
        help = "use 30d, or 28d for whole weeks"
        yield document.diagnostic(codes.SLO_WINDOW, span, message, help, "warning")


def _pages(document: Document, index: int) -> Iterator[Diagnostic]:
    """When everything fails the budget burns 1/(1 - objective) times too fast: a page that waits for more is silent."""
    objective, window = document.number("slos", index, "objective"), _period(document, index)
    if objective is None or window is None or window < _LONGEST_BURN:
        return
    fastest = 100 / (100 - objective)
    factors = sorted(pair.factor(Decimal(window.milliseconds) / 3_600_000) for pair in _PAGES)
    silent = [factor for factor in factors if factor >= fastest]
    if not silent:
        return
    span = document.span("slos", index, "objective")
    enough = (100 - 100 / silent[0]).quantize(Decimal("0.1"), ROUND_UP)
    burn = f"at {objective:f} the budget burns at most {fastest.quantize(Decimal('0.1'))} times too fast"
    if len(silent) == len(factors):
        message = f"{burn}, and the first page waits for {silent[0].normalize():f}: nobody can ever be paged"
        yield document.diagnostic(codes.SILENT_SLO, span, message, f"raise the objective to {enough} or more")
    else:
        message = (
            f"{burn}, and the quick page waits for {silent[-1].normalize():f}: a total outage pages only after an hour"
        )
        help = f"raise the objective to {(100 - 100 / silent[-1]).quantize(Decimal('0.1'), ROUND_UP)} or more"
        yield document.diagnostic(codes.SILENT_SLO, span, message, help, "warning")
