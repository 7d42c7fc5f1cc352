"""Sampling: reasons that the task can have, features that there are, and sizes that can be."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from modelwatch.model import codes, defaults, suggest, words
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document, Step

_RISKY: tuple[Step, ...] = ("sampling", "risky")


def check(document: Document) -> Iterator[Diagnostic]:
    yield from _risky(document)
    yield from _exclude(document)
    yield from _shares(document)
    yield from _sizes(document)


def _risky(document: Document) -> Iterator[Diagnostic]:
    kind = document.text("task", "type")
    if kind is None or document.find(*_RISKY) is None:
        return
    by_number = bool(document.keys(*_RISKY))
    if by_number == (kind == "classification"):
        span = document.key_span(*_RISKY)
        message = f"a {kind} task has no predictions {'above or below a number' if by_number else 'by class'}"
        help = "list classes, such as risky: [late]" if by_number else "give a number, such as risky: {above: 60}"
        yield document.diagnostic(codes.NOT_FOR_TASK, span, message, help)
        return
    classes = [name for _, name in document.texts("task", "classes")]
    if classes and len(classes) == document.count("task", "classes"):
        yield from _known(document, _RISKY, classes, "class")


def _exclude(document: Document) -> Iterator[Diagnostic]:
    names = [document.text("features", index, "name") for index in range(document.count("features"))]
    if None not in names:
        yield from _known(document, ("sampling", "exclude"), [name for name in names if name], "feature")


def _known(document: Document, path: tuple[Step, ...], known: list[str], what: str) -> Iterator[Diagnostic]:
    for index, name in document.texts(*path):
        if name not in known:
            guess = suggest.close(name, known)
            help = f"did you mean '{guess}'?" if guess else f"there are {', '.join(map(words.short, known)) or 'none'}"
            message = f"'{words.short(name)}' is no {what} of this model"
            yield document.diagnostic(codes.NOT_ONE_OF, document.span(*path, index), message, help)


def _shares(document: Document) -> Iterator[Diagnostic]:
    path = ("sampling", "strata")
    shares: dict[str, Decimal | None] = dict(defaults.SAMPLING.strata)  # type: ignore[arg-type]  # strata are texts
    shares.update((name, document.number(*path, name)) for name in document.keys(*path))
    if not any(share is None or share for share in shares.values()):
        help = "give one of them a share above 0, or leave the section sampling out"
        yield document.diagnostic(codes.OUT_OF_BOUNDS, document.span(*path), "every share is 0: nothing is kept", help)


def _sizes(document: Document) -> Iterator[Diagnostic]:
    size, total = (
        document.number("sampling", field) if document.has("sampling", field) else default
        for field, default in (
            ("file_megabytes", defaults.SAMPLING.file_megabytes),
            ("total_megabytes", defaults.SAMPLING.total_megabytes),
        )
    )
    if size is not None and total is not None and size > total:
        message = f"files of {size} megabytes are larger than the {total} that all may have together"
        help = f"set file_megabytes to {max(int(total) // 8, 1)} or total_megabytes to {int(size) * 8} or more"
        field = "file_megabytes" if document.has("sampling", "file_megabytes") else "total_megabytes"
        yield document.diagnostic(codes.OUT_OF_BOUNDS, document.span("sampling", field), message, help)
