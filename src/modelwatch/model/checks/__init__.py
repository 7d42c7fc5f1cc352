"""What a schema cannot say. One file a theme; each check passes over values that are already known to be wrong."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model.checks import (
    baseline,
    destinations,
    drift,
    features,
    logging,
    names,
    prometheus,
    receivers,
    routes,
    sampling,
    secrets,
    serving,
    slos,
    task,
    versions,
    written,
)
from modelwatch.model.checks.folder import Folder
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document

__all__ = ["Folder", "of_baselines", "of_document", "of_folder"]

_OF_MODEL = (
    names.of_model,
    features.check,
    drift.check,
    task.check,
    serving.check,
    slos.check,
    sampling.check,
    logging.check,
)
_OF_STACK = (names.of_stack, receivers.check, destinations.check, versions.check, prometheus.intervals)
_OF_FOLDER = (names.across, routes.check, serving.jobs, written.across, prometheus.retention)


def of_document(document: Document) -> Iterator[Diagnostic]:
    """Checks of one file alone. None of them reads another file."""
    yield from secrets.check(document)
    for check in _OF_MODEL if document.kind == "Model" else _OF_STACK:
        yield from check(document)


def of_folder(folder: Folder) -> Iterator[Diagnostic]:
    """Checks that need the other files of the folder."""
    for check in _OF_FOLDER:
        yield from check(folder)


def of_baselines(folder: Folder) -> Iterator[Diagnostic]:
    """Checks that need the files of the baselines."""
    yield from baseline.check(folder)
