"""How a model is served: online or in batches, and where its metrics are."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model import codes, defaults
from modelwatch.model.checks.folder import Folder
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document

_HIGHEST_PORT = 65535


def check(document: Document) -> Iterator[Diagnostic]:
    yield from _mode(document)
    for index, target in document.texts("serving", "targets"):
        port = int(target.rpartition(":")[2])
        if not 0 < port <= _HIGHEST_PORT:
            span = document.span("serving", "targets", index)
            yield document.diagnostic(codes.TARGET, span, f"{port} is no port", "a port is a number from 1 to 65535")


def _mode(document: Document) -> Iterator[Diagnostic]:
    mode = document.text("serving", "mode") or (None if document.has("serving", "mode") else defaults.MODE)
    every = document.has("serving", "every")
    if mode == "batch" and not every:
        help = "say how often it scores, such as every: 1d, so that a run that stays away is noticed"
        message = "a batch model needs 'every'"
        yield document.diagnostic(codes.NOT_FOR_MODE, document.span("serving", "mode"), message, help)
    if mode == "online" and every:
        span = document.key_span("serving", "every")
        yield document.diagnostic(
            codes.NOT_FOR_MODE, span, "an online model has no 'every'", "remove it, or add mode: batch"
        )
    for index in range(document.count("slos") if mode == "batch" else 0):
        if document.has("slos", index, "sli", "latency") or document.text("slos", index, "sli") == "errors":
            message = "a batch model answers no requests, so this SLO would never have data"
            help = "use sli: valid_rows, or remove it; alerts on late and failed runs need no SLO"
            yield document.diagnostic(codes.NOT_FOR_MODE, document.span("slos", index, "sli"), message, help)


def jobs(folder: Folder) -> Iterator[Diagnostic]:
    """Prometheus scrapes a job by one path."""
    first: dict[str, tuple[str, str]] = {}
    for document in folder.models:
        job, path = document.text("serving", "job"), document.text("serving", "metrics_path")
        if job is None or (path is None and document.has("serving", "metrics_path")):
            continue
        path = path or defaults.METRICS_PATH
        known, file = first.setdefault(job, (path, document.file))
        if known != path:
            message = f"the job '{job}' has another metrics_path, {known}"
            help = f"{file} says so; give the models of one job one path, or this model a job of its own"
            yield document.diagnostic(codes.JOB_DISAGREES, document.span("serving", "metrics_path"), message, help)
