"""Features: ranges, thresholds, and fields that fit the type."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model import codes, defaults
from modelwatch.model import types as t
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document

_ONLY_FOR = {"range": "numeric", "max_categories": "categorical"}


def check(document: Document) -> Iterator[Diagnostic]:
    for index in range(document.count("features")):
        yield from _fields(document, index)
        yield from _range(document, index)
        yield from _thresholds(document, index)


def _fields(document: Document, index: int) -> Iterator[Diagnostic]:
    kind = document.text("features", index, "type")
    for field, wanted in _ONLY_FOR.items():
        if kind is not None and kind != wanted and document.has("features", index, field):
            span = document.key_span("features", index, field)
            message = f"a {kind} feature has no '{field}'"
            yield document.diagnostic(codes.NOT_FOR_FEATURE, span, message, f"remove it, or make the feature {wanted}")


def _range(document: Document, index: int) -> Iterator[Diagnostic]:
    low, high = (document.number("features", index, "range", end) for end in (0, 1))
    if low is not None and high is not None and low > high:
        span = document.span("features", index, "range", 0)
        message = f"the range starts at {low:f} and ends below it, at {high:f}"
        yield document.diagnostic(codes.RANGE_ORDER, span, message, f"did you mean [{high:f}, {low:f}]?")


def _thresholds(document: Document, index: int) -> Iterator[Diagnostic]:
    drift = ("features", index, "drift")
    written = document.text(*drift, "method")
    if document.has(*drift, "method") and written is None:
        return
    method: t.DriftMethod = "js" if written == "js" else "psi"
    wanted = [document.number(*drift, level) for level in ("warning", "critical")]
    found = [
        default if not document.has(*drift, level) else number
        for level, default, number in zip(
            ("warning", "critical"), defaults.DRIFT_THRESHOLDS[method], wanted, strict=True
        )
    ]
    warning, critical = found
    if warning is None or critical is None:
        return
    if warning > critical:
        level = "warning" if wanted[0] is not None else "critical"
        given = "" if wanted[0] is not None and wanted[1] is not None else f" ({method}'s default)"
        message = f"warning {warning:f} is above critical {critical:f}{given}"
        help = (
            "give both, the smaller as warning"
            if given
            else f"did you mean warning: {critical:f}, critical: {warning:f}?"
        )
        yield document.diagnostic(codes.DRIFT_ORDER, document.span(*drift, level), message, help)
    if method == "js" and critical > 1:
        level = "critical" if wanted[1] is not None else "warning"
        message = f"no Jensen-Shannon distance is ever above 1, found {critical:f}"
        help = "thresholds of psi are not those of js; 0.13 and 0.21 are as much drift as psi's 0.1 and 0.25"
        yield document.diagnostic(codes.OUT_OF_BOUNDS, document.span(*drift, level), message, help)
