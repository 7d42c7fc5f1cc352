"""One model out of a folder of specs, for commands about it alone: errors of the others do not stop them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelwatch.model import build, checks, codes, defaults
from modelwatch.model import types as t
from modelwatch.model.diagnostics import Diagnostic, in_order
from modelwatch.model.load import read_folder
from modelwatch.model.tree import Document, data


@dataclass(frozen=True, slots=True)
class One:
    """``model`` is None where ``errors`` keep it from being used, or where there is none of this name.

    ``known`` are the names of the folder's models. ``elsewhere`` are errors in the files of others, which do not matter
    here. ``stack`` is the default one where that of the folder has errors.
    """

    model: t.Model | None
    stack: t.Stack
    known: tuple[str, ...]
    errors: tuple[Diagnostic, ...] = ()
    elsewhere: tuple[Diagnostic, ...] = ()


def load_one(models_dir: Path, name: str, *, baseline: bool = True) -> One:
    """The model called ``name``. Without ``baseline``, what is wrong with its baseline is no error: it is not used."""
    read = read_folder(models_dir)
    if isinstance(read, Diagnostic):
        return One(None, defaults.STACK, (), (read,))
    documents, diagnostics = read
    folder = checks.Folder(tuple(documents))
    for document in documents:
        diagnostics += checks.of_document(document)
    diagnostics += checks.of_folder(folder)
    # Of two files with the same name neither is the one that is meant: the error about it stands in one of them.
    own = [document for document in folder.models if document.text("metadata", "name") == name]
    if baseline:
        diagnostics += checks.of_baselines(checks.Folder(tuple(own)))
    else:
        # What a baseline does not give to the spec is mended by the next one.
        diagnostics = [one for one in diagnostics if one.code != codes.NOT_THE_SAME]
    errors = [one for one in in_order(diagnostics) if one.severity == "error"]
    files = {document.file for document in own}
    mine = tuple(one for one in errors if one.file in files)
    others = tuple(one for one in errors if one.file not in files)
    known = tuple(sorted(found for one in folder.models if (found := one.text("metadata", "name")) is not None))
    if not own or mine:
        return One(None, defaults.STACK, known, mine, others)
    model = build.model(data(own[0].root), Path(own[0].file))
    return One(model, _stack(folder.stack, others), known, (), others)


def _stack(document: Document | None, errors: tuple[Diagnostic, ...]) -> t.Stack:
    if document is None or any(one.file == document.file for one in errors):
        return defaults.STACK
    return build.stack(data(document.root), Path(document.file))
