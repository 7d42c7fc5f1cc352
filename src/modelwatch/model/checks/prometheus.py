"""Intervals and retention of Prometheus against what the rules read."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model import codes, defaults
from modelwatch.model.checks.folder import Folder
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document
from modelwatch.model.units import Duration

# The shortest rate is over five minutes and needs two samples even when one scrape fails.
LONGEST_INTERVAL = Duration.parse("2m")


def _known(document: Document, field: str, default: Duration) -> Duration | None:
    """What is written, or the default; None for what is written wrong."""
    if document.has("prometheus", field):
        return document.duration("prometheus", field)
    return default


def intervals(document: Document) -> Iterator[Diagnostic]:
    """Rules read five minutes of samples; data must outlive at least a few scrapes."""
    scrape = _known(document, "scrape_interval", defaults.STACK.scrape_interval)
    evaluation = _known(document, "evaluation_interval", defaults.STACK.evaluation_interval)
    for field, interval in (("scrape_interval", scrape), ("evaluation_interval", evaluation)):
        if interval is not None and interval > LONGEST_INTERVAL:
            message = f"{field} {interval} is too long: alerts look at five minutes and need several samples"
            help = f"use {LONGEST_INTERVAL} or less, such as 15s"
            yield document.diagnostic(codes.INTERVALS, document.span("prometheus", field), message, help)
    retention = _known(document, "retention", defaults.STACK.retention)
    if retention is not None and scrape is not None and retention <= scrape:
        message = f"retention {retention} is no longer than scrape_interval {scrape}"
        help = "keep data longer than the longest SLO window, such as 45d"
        yield document.diagnostic(codes.INTERVALS, document.span("prometheus", "retention"), message, help)


def retention(folder: Folder) -> Iterator[Diagnostic]:
    """No rule reads further back than Prometheus keeps data. Without a stack file the defaults hold."""
    stack = folder.stack
    kept = _known(stack, "retention", defaults.STACK.retention) if stack else defaults.STACK.retention
    if kept is None:
        return
    for document in folder.models:
        paths = [("slos", index, "window") for index in range(document.count("slos"))]
        for path in (*paths, ("performance", "window")):
            window = document.duration(*path)
            if window is not None and window > kept:
                message = f"the window {window} is longer than Prometheus keeps data, {kept}"
                help = f"shorten it, or set prometheus.retention to more than {window} in the stack's file"
                yield document.diagnostic(codes.RETENTION, document.span(*path), message, help)
    unsaid = defaults.SLO_WINDOW
    if stack and kept < unsaid and any(_takes_default(document) for document in folder.models):
        message = f"retention {kept} is shorter than {unsaid}, the window of SLOs that name none"
        help = f"keep data for {defaults.STACK.retention}, or give every SLO a window"
        yield stack.diagnostic(codes.RETENTION, stack.span("prometheus", "retention"), message, help)


def _takes_default(document: Document) -> bool:
    if not document.has("slos"):
        return document.text("serving", "mode") != "batch"
    return any(not document.has("slos", index, "window") for index in range(document.count("slos")))
