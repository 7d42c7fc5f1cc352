"""What a schema cannot say. One file a theme; each check passes over nodes that are already known to be wrong."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model.checks.folder import Folder
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document

__all__ = ["Folder", "of_document", "of_folder"]


def of_document(document: Document) -> Iterator[Diagnostic]:
    """Checks of one file alone. None of them reads another file."""
    return iter(())


def of_folder(folder: Folder) -> Iterator[Diagnostic]:
    """Checks that need the other files of the folder, or the baselines."""
    return iter(())
