"""Folders that lines are written to: whoever follows one of them would take lines of another kind for its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelwatch.model import build, codes, words
from modelwatch.model.checks.folder import Folder
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document, Step

# Which field, what is written there, and what such a folder is called mostly.
_KINDS: tuple[tuple[tuple[Step, ...], str, str], ...] = (
    (("logging", "files", "folder"), "log lines", "../logs"),
    (("logging", "predictions", "folder"), "rows for the sidecar", "../predictions"),
    (("sampling", "folder"), "rows that are kept", "../samples"),
)


def across(folder: Folder) -> Iterator[Diagnostic]:
    """A warning: patterns by name, for readers that the user starts, can tell the files apart."""
    first: dict[Path, tuple[str, str, int]] = {}
    for document in folder.models:
        for field, kind, usual in _KINDS:
            written, path = document.text(*field), _where(document, field)
            if written is None or path is None:
                continue
            span = document.span(*field)
            known, file, line = first.setdefault(path, (kind, document.file, span.line))
            if known != kind:
                message = f"{kind} are written to the folder of {known}, {words.short(written)}"
                place = f"line {line}" if file == document.file else f"{file}:{line}"
                example = "" if written == usual else f", such as {usual}"
                help = f"{place} has it, and whoever follows it reads both: give each a folder of its own{example}"
                yield document.diagnostic(codes.DUPLICATE_ITEM, span, message, help, "warning")


def _where(document: Document, field: tuple[Step, ...]) -> Path | None:
    """The folder that files are in; of rows that are kept each model has one below."""
    written, name = document.text(*field), document.text("metadata", "name")
    if written is None or (field[0] == "sampling" and name is None):
        return None
    path = build.beside(Path(document.file), written)
    return path / str(name) if field[0] == "sampling" else path
