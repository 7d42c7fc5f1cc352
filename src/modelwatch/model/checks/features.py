"""Features: ranges, thresholds, and fields that fit the type."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model import codes, defaults
from modelwatch.model.checks import thresholds
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
    method = next((known for known in defaults.DRIFT_THRESHOLDS if known == written), defaults.DRIFT_METHOD)
    if method in defaults.NUMERIC_METHODS and document.text("features", index, "type") == "categorical":
        message = f"{method} needs numbers in their order, and the feature is categorical"
        help = "use psi, js, kl, hellinger or tv, or make the feature numeric"
        yield document.diagnostic(codes.NOT_FOR_FEATURE, document.span(*drift, "method"), message, help)
    usual: thresholds.Thresholds = defaults.DRIFT_THRESHOLDS[method]
    if written is None:
        usual = thresholds.written(document, ("drift",), usual)
    yield from thresholds.check(document, drift, method, usual)
