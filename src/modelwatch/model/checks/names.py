"""Names: unique where they must be, and not taken by something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelwatch.model import codes, words
from modelwatch.model.checks.folder import Folder
from modelwatch.model.destinations import SIGNALS
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document, Step
from modelwatch.telemetry.labels import RESERVED

# Names of files that belong to no model, and device names that Windows gives to no file.
_TAKEN = frozenset(("stack", "modelwatch"))
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)))
)


def is_reserved(model: str) -> bool:
    """Whether a model may not be called so."""
    return model.casefold() in _TAKEN | _DEVICES


def of_model(document: Document) -> Iterator[Diagnostic]:
    """Features, SLOs and classes are unique in their model; its name is free."""
    count = document.count
    yield from _unique(document, "feature", [("features", i, "name") for i in range(count("features"))])
    yield from _unique(document, "SLO", [("slos", i, "name") for i in range(count("slos"))])
    yield from _unique(document, "class", [("task", "classes", i) for i in range(count("task", "classes"))])
    name = document.text("metadata", "name")
    if name and is_reserved(name):
        use = "files of the kit" if name.casefold() in _TAKEN else "Windows devices"
        message, help = f"the name '{name}' is reserved", f"{use} are called so; add what the model predicts"
        yield document.diagnostic(codes.RESERVED, document.span("metadata", "name"), message, help)


def of_stack(document: Document) -> Iterator[Diagnostic]:
    """Destinations of one signal are unique; external labels are not labels of the kit."""
    for signal in SIGNALS:
        paths = [("destinations", signal, i, "name") for i in range(document.count("destinations", signal))]
        yield from _unique(document, "destination", paths)
    for label in document.keys("prometheus", "external_labels"):
        if label in RESERVED:
            message = f"the label '{label}' is reserved"
            help = "Prometheus or a generated rule sets it; choose another, such as cluster or region"
            span = document.key_span("prometheus", "external_labels", label)
            yield document.diagnostic(codes.RESERVED, span, message, help)


def _unique(document: Document, what: str, paths: Iterable[tuple[Step, ...]]) -> Iterator[Diagnostic]:
    first: dict[str, int] = {}
    for path in paths:
        name, span = document.text(*path), document.span(*path)
        if name is None:
            continue
        if name in first:
            message = f"the {what} '{words.short(name)}' is there twice"
            yield document.diagnostic(codes.DUPLICATE_ITEM, span, message, f"the first is on line {first[name]}")
        first.setdefault(name, span.line)


def across(folder: Folder) -> Iterator[Diagnostic]:
    """A model's name is unique in the folder, also where the file system ignores capitals; there is one stack."""
    first: dict[str, tuple[str, Document]] = {}
    for document in folder.models:
        name = document.text("metadata", "name")
        if name is None:
            continue
        known, where = first.setdefault(name.casefold(), (name, document))
        if where is not document:
            same = f"there is a model '{name}' already"
            message = same if known == name else f"'{name}' differs from the model '{known}' in capitals only"
            help = f"{where.file} has it; names are labels and file names, so choose another"
            yield document.diagnostic(codes.DUPLICATE_MODEL, document.span("metadata", "name"), message, help)
    stacks = [document for document in folder.documents if document.kind == "Stack"]
    for document in stacks[1:]:
        help = f"{stacks[0].file} is one already; put everything into it"
        yield document.diagnostic(codes.SEVERAL_STACKS, document.span("kind"), "a second stack", help)
