"""Whether a reference profile and a spec agree on types, the number of categories, and how much may be missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelwatch.model import codes, defaults, words
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.profile_head import KnownFeature
from modelwatch.model.tree import Document

# How the sidecar takes the answers of a task.
_ANSWER = "prediction"
_OTHER = {"numeric": "categorical", "categorical": "numeric"}


def check(document: Document, written: str, found: Mapping[str, KnownFeature]) -> Iterator[Diagnostic]:
    """``written`` is the profile as the spec names it, ``found`` what it knows."""
    named = set()
    for index in range(document.count("features")):
        name, kind = document.text("features", index, "name"), document.text("features", index, "type")
        named.add(name)
        known = found.get(name or "")
        if name is None or kind is None or known is None:
            continue
        if kind != known.type:
            yield _typed(document, written, index, known)
        elif kind == "categorical":
            yield from _categories(document, written, index, name, known)
        yield from _missing(document, written, index, name, known)
    yield from _answer(document, written, None if _ANSWER in named else found.get(_ANSWER))


def _typed(document: Document, written: str, index: int, known: KnownFeature) -> Diagnostic:
    name, kind = document.text("features", index, "name") or "", document.text("features", index, "type") or ""
    message = (
        f"'{words.short(name)}' is {kind} here and {known.type} in the profile {words.short(written)}, "
        "so its drift cannot be told"
    )
    help = f"{_again(document)}, or write type: {_OTHER[kind]}"
    return document.diagnostic(codes.OTHER_SPEC, document.span("features", index, "type"), message, help)


def _categories(document: Document, written: str, index: int, name: str, known: KnownFeature) -> Iterator[Diagnostic]:
    number = document.number("features", index, "max_categories")
    if number is None and document.has("features", index, "max_categories"):
        return
    wanted = int(number) if number is not None else defaults.MAX_CATEGORIES
    if known.categories == wanted or (known.categories < wanted and not known.rest):
        return
    message = (
        f"up to {wanted} categories of '{words.short(name)}' are to be counted one by one, and the profile "
        f"{words.short(written)} counts {known.categories}: the profile's number holds"
    )
    help = f"{_again(document)}, or write max_categories: {known.categories}"
    field = "name" if number is None else "max_categories"
    yield document.diagnostic(codes.OTHER_SPEC, document.span("features", index, field), message, help, "warning")


def _missing(document: Document, written: str, index: int, name: str, known: KnownFeature) -> Iterator[Diagnostic]:
    path = ("features", index, "missing", "max_ratio")
    number = document.number(*path)
    if known.missing is None or (number is None and document.has("features", index, "missing")):
        return
    limit = float(defaults.MISSING_MAX_RATIO if number is None else number)
    if known.missing <= limit:
        return
    message = (
        f"{_percent(known.missing)} of '{words.short(name)}' are missing in the profile {words.short(written)} "
        f"already, and the limit is {_percent(limit)}{' (the default)' if number is None else ''}: "
        "it alarms without any drift"
    )
    help = (
        f"write missing: {{max_ratio: {defaults.missing_room(known.missing)}}}, or mend the data and {_again(document)}"
    )
    span = document.span("features", index, "name") if number is None else document.span(*path)
    yield document.diagnostic(codes.MISSING_BEFORE, span, message, help, "warning")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _answer(document: Document, written: str, known: KnownFeature | None) -> Iterator[Diagnostic]:
    task = document.text("task", "type")
    kind = "categorical" if task == "classification" else "numeric"
    if task is None or known is None or known.type == kind:
        return
    message = (
        f"answers of a {task} are {kind}, and the profile {words.short(written)} has {known.type} ones, "
        "so their drift cannot be told"
    )
    yield document.diagnostic(codes.OTHER_SPEC, document.span("task", "type"), message, _again(document))


def _again(document: Document) -> str:
    name = document.text("metadata", "name") or "MODEL"
    return f"make the profile again with modelwatch profile {name} --data DATA"
