"""How drift is judged: the order of the windows, and rows enough for the method."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model import codes, defaults
from modelwatch.model.checks import thresholds
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document
from modelwatch.model.units import Duration

# The chi-squared approximation behind the critical values breaks when a bin expects fewer rows.
ROWS_IN_A_BIN = 20
_LEAST_CATEGORIES = 2


def check(document: Document) -> Iterator[Diagnostic]:
    yield from _windows(document)
    yield from _samples(document)
    yield from _same(document)
    yield from thresholds.check(document, ("drift",), "psi", defaults.DRIFT_THRESHOLDS["psi"])


def _windows(document: Document) -> Iterator[Diagnostic]:
    before: Duration | None = None
    for index in range(document.count("drift", "windows")):
        window = document.duration("drift", "windows", index)
        if window is not None and before is not None and window <= before:
            message = f"the window {window} comes after {before}"
            help = "write every window once, the shortest first"
            yield document.diagnostic(codes.WINDOW_ORDER, document.span("drift", "windows", index), message, help)
        before = window or before


def _same(document: Document) -> Iterator[Diagnostic]:
    """What rows are to have in common, the baseline must tell; and parts of it are known by bins only."""
    same = document.text("drift", "same")
    if same is None:
        return
    field = "segment" if same == "segment" else "time"
    if not document.has("baseline", "profile") and not document.has("baseline", field):
        there = document.has("baseline")
        what = f"names no column for {field}" if there else "is not there"
        message = f"drift.same is {same}, and the baseline {what}"
        add = f"baseline.{field}: COLUMN" if there else f"baseline: {{data: FILE, {field}: COLUMN}}"
        help = f"add {add}, or remove drift.same"
        yield document.diagnostic(codes.NOT_THE_SAME, document.span("drift", "same"), message, help)
    for index in range(document.count("features")):
        method = document.text("features", index, "drift", "method")
        # Of a categorical feature it is wrong anyway, and told where features are checked.
        if method in defaults.NUMERIC_METHODS and document.text("features", index, "type") != "categorical":
            message = f"{method} needs all values, and drift.same compares bins"
            help = "use psi, js, kl, hellinger or tv, or remove drift.same"
            span = document.span("features", index, "drift", "method")
            yield document.diagnostic(codes.NOT_THE_SAME, span, message, help)


def _samples(document: Document) -> Iterator[Diagnostic]:
    """Points at the samples where the spec sets them, else at the categories that ask for more than the default."""
    written = document.number("drift", "min_samples")
    if written is None and document.has("drift", "min_samples"):
        return
    samples = int(written) if written is not None else defaults.DRIFT.min_samples
    bins, feature, where = max(_bins(document), default=(0, "", 0))
    if samples >= ROWS_IN_A_BIN * bins:
        return
    path = ("drift", "min_samples") if written is not None else ("features", where, "max_categories")
    message = (
        f"'{feature}' is compared in up to {bins} bins from {samples} rows on (min_samples), "
        f"{samples // bins} for each bin: that few make scores jump by chance"
    )
    help = f"{ROWS_IN_A_BIN} for each bin are enough: set drift.min_samples to {ROWS_IN_A_BIN * bins} or more"
    fewer = samples // ROWS_IN_A_BIN
    if document.text("features", where, "type") == "categorical" and fewer >= _LEAST_CATEGORIES:
        help += f", or max_categories of '{feature}' to {fewer} or less"
    yield document.diagnostic(codes.FEW_SAMPLES, document.span(*path), message, help, "warning")


def _bins(document: Document) -> Iterator[tuple[int, str, int]]:
    """Bins, name and position of every feature."""
    for index in range(document.count("features")):
        name, kind = document.text("features", index, "name"), document.text("features", index, "type")
        if name is None or kind is None:
            continue
        categories = document.number("features", index, "max_categories")
        many = int(categories) if categories is not None else defaults.MAX_CATEGORIES
        # Earlier features are named first where several have as many.
        yield many if kind == "categorical" else defaults.NUMERIC_BINS, name, index
