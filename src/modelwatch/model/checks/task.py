"""Fields that only one type of task has."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model import codes, suggest, words
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document, Step

_ONLY_FOR: tuple[tuple[tuple[Step, ...], str], ...] = (
    (("task", "classes"), "classification"),
    (("task", "positive_class"), "classification"),
    (("task", "unit"), "regression"),
    (("performance", "metrics", "accuracy"), "classification"),
)


def check(document: Document) -> Iterator[Diagnostic]:
    kind = document.text("task", "type")
    for path, wanted in _ONLY_FOR:
        if kind is not None and kind != wanted and document.has(*path):
            message = f"a {kind} task has no '{path[-1]}'"
            help = f"remove it; it belongs to {wanted}"
            yield document.diagnostic(codes.NOT_FOR_TASK, document.key_span(*path), message, help)
    yield from _positive_class(document, kind)


def _positive_class(document: Document, kind: str | None) -> Iterator[Diagnostic]:
    positive = document.text("task", "positive_class")
    if positive is None or kind != "classification":
        return
    span = document.span("task", "positive_class")
    if not document.has("task", "classes"):
        message = "positive_class needs classes"
        help = f"list all classes, such as classes: [{words.scalar(positive)}, other]"
        yield document.diagnostic(codes.POSITIVE_CLASS, span, message, help)
    classes = [name for _, name in document.texts("task", "classes")]
    if classes and positive not in classes and len(classes) == document.count("task", "classes"):
        guess = suggest.close(positive, classes)
        help = f"did you mean '{guess}'?" if guess else "the classes are " + ", ".join(map(words.short, classes))
        message = f"'{words.short(positive)}' is none of the classes"
        yield document.diagnostic(codes.POSITIVE_CLASS, span, message, help)
