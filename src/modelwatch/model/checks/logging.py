"""Logging and tracing: names that there are, nothing both written and masked, sizes and limits that can be."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model import codes, defaults, suggest, words
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document, Step

_FILES = ("files", "predictions")


def check(document: Document) -> Iterator[Diagnostic]:
    names = [document.text("features", index, "name") for index in range(document.count("features"))]
    features = [name for name in names if name]
    if None not in names:
        yield from _traced(document, features)
        yield from _misspelt(document, features)
    yield from _limit(document)
    yield from _recorded(document)
    yield from _both(document)
    yield from _needed(document, features)
    for part in _FILES:
        yield from _sizes(document, part)


def _traced(document: Document, features: list[str]) -> Iterator[Diagnostic]:
    for index, name in document.texts("tracing", "features"):
        if name not in features:
            guess = suggest.close(name, features)
            known = ", ".join(map(words.short, features)) or "none"
            help = f"did you mean '{guess}'?" if guess else f"there are {known}"
            message = f"'{words.short(name)}' is no feature of this model"
            yield document.diagnostic(codes.NOT_ONE_OF, document.span("tracing", "features", index), message, help)


def _limit(document: Document) -> Iterator[Diagnostic]:
    limit = document.number("tracing", "max_spans_per_second")
    if limit is not None and document.number("tracing", "sample") == 0:
        message = f"{limit} limits nothing: with sample: 0 no ordinary trace is kept, and what keep names has no limit"
        help = "leave it out, or give sample the share of ordinary traces that you want"
        span = document.span("tracing", "max_spans_per_second")
        yield document.diagnostic(codes.OUT_OF_BOUNDS, span, message, help, "warning")


def _recorded(document: Document) -> Iterator[Diagnostic]:
    if document.number("tracing", "record") == 0:
        message = "with record: 0 the service records no trace, errors included, but those that a caller has begun"
        help = "leave it out, or give the share of traces that the service is to record, such as record: 0.25"
        yield document.diagnostic(codes.OUT_OF_BOUNDS, document.span("tracing", "record"), message, help, "warning")


def _misspelt(document: Document, features: list[str]) -> Iterator[Diagnostic]:
    """A field of a log line need be no feature; one that is nearly called like one is most often meant to be it."""
    for part in ("allow", "redact"):
        for index, name in document.texts("logging", part):
            guess = None if name in features else suggest.close(name, features)
            if guess:
                message = f"'{words.short(name)}' is no feature of this model, but nearly one"
                help = f"did you mean '{guess}'? If it is another field of your log lines, call it less alike"
                span = document.span("logging", part, index)
                yield document.diagnostic(codes.NOT_ONE_OF, span, message, help, "warning")


def _both(document: Document) -> Iterator[Diagnostic]:
    allowed = {name for _, name in document.texts("logging", "allow")}
    for index, name in document.texts("logging", "redact"):
        if name in allowed:
            message = f"'{words.short(name)}' is in allow and in redact"
            help = "keep it in one of them; a field in neither is removed, and one in redact is masked in texts too"
            yield document.diagnostic(codes.LOGGED, document.span("logging", "redact", index), message, help)


def _needed(document: Document, features: list[str]) -> Iterator[Diagnostic]:
    places: tuple[tuple[tuple[Step, ...], str], ...] = (
        (("logging", "predictions"), "logging.predictions writes every feature to files"),
        (("tracing", "features"), "tracing.features writes it on spans"),
    )
    traced = [name for _, name in document.texts("tracing", "features")]
    for index, name in document.texts("logging", "redact"):
        for path, told in places:
            written = features if path[0] == "logging" else traced
            if name in written and document.has(*path):
                message = f"'{words.short(name)}' is in redact, and {told}"
                help = "remove it from redact: fields outside of allow are removed from log lines anyway"
                yield document.diagnostic(codes.LOGGED, document.span("logging", "redact", index), message, help)


def _sizes(document: Document, part: str) -> Iterator[Diagnostic]:
    path = ("logging", part)
    size, total = (
        document.number(*path, field) if document.has(*path, field) else default
        for field, default in (
            ("file_megabytes", defaults.LOG_FILES.file_megabytes),
            ("total_megabytes", defaults.LOG_FILES.total_megabytes),
        )
    )
    if size is not None and total is not None and size > total:
        message = f"files of {size} megabytes are larger than the {total} that all may have together"
        help = f"set file_megabytes to {max(int(total) // 8, 1)} or total_megabytes to {int(size) * 8} or more"
        field = "file_megabytes" if document.has(*path, "file_megabytes") else "total_megabytes"
        yield document.diagnostic(codes.OUT_OF_BOUNDS, document.span(*path, field), message, help)
