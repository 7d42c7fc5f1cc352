"""A folder of specs -> a Fleet, with every problem of every file told in one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelwatch.model import build, checks, codes, defaults, lost, shape, suggest, words
from modelwatch.model import types as t
from modelwatch.model.addresses import Addresses
from modelwatch.model.checks import unwatched
from modelwatch.model.diagnostics import Diagnostic, SpecError, has_errors, in_order
from modelwatch.model.lost import SUFFIXES
from modelwatch.model.parse import parse
from modelwatch.model.read import Text, read_file
from modelwatch.model.schema import KINDS, Kind
from modelwatch.model.tree import Document, Mapped, Node, Scalar, data

_STACK_FIELDS = frozenset(
    ("versions", "prometheus", "environments", "receivers", "routes", "teams", "destinations", "links")
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """``fleet`` is None when any diagnostic is an error.

    ``diagnostics`` are errors and warnings. ``notes`` say what specs that are right leave unwatched.
    """

    fleet: t.Fleet | None
    diagnostics: tuple[Diagnostic, ...]
    notes: tuple[Diagnostic, ...] = ()

    def unwrap(self) -> t.Fleet:
        """The fleet. Raises SpecError."""
        if self.fleet is None:
            raise SpecError(self.diagnostics)
        return self.fleet


def load_fleet(models_dir: Path, addresses: Addresses | None = None) -> Loaded:
    """Every ``*.yaml`` and ``*.yml`` of a folder; hidden files and subfolders are left alone."""
    read = read_folder(models_dir)
    if isinstance(read, Diagnostic):
        return Loaded(None, (read,))
    documents, diagnostics = read
    folder = checks.Folder(tuple(documents))
    for document in documents:
        diagnostics += checks.of_document(document)
    diagnostics += checks.of_folder(folder)
    diagnostics += checks.of_baselines(folder)
    told = in_order(diagnostics)
    if has_errors(told):
        return Loaded(None, told)
    models = (build.model(data(document.root), Path(document.file)) for document in folder.models)
    stack = build.stack(data(folder.stack.root), Path(folder.stack.file)) if folder.stack else defaults.STACK
    fleet = t.Fleet(tuple(sorted(models, key=lambda model: model.name)), stack, addresses or Addresses())
    gaps = in_order(unwatched.of_fleet(folder, fleet, models_dir))
    warnings, notes = (tuple(gap for gap in gaps if gap.severity == severity) for severity in ("warning", "note"))
    return Loaded(fleet, in_order((*told, *warnings)), notes)


def read_folder(models_dir: Path) -> tuple[list[Document], list[Diagnostic]] | Diagnostic:
    """The documents of a folder and what is wrong with their YAML and shape; or why there is nothing to read."""
    diagnostics: list[Diagnostic] = []
    documents: list[Document] = []
    try:
        paths = sorted(path for path in models_dir.iterdir() if path.suffix in SUFFIXES and path.name[0] != ".")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        denied = isinstance(error, PermissionError)
        message = f"cannot read this folder: {reason}"
        help = "let your user read and enter it" if denied else lost.not_a_folder(models_dir)
        return _refused(models_dir, codes.UNREADABLE, message, help)
    for path in paths:
        document, found = _document(path)
        diagnostics += found
        if document:
            documents.append(document)
    if not paths or not (diagnostics or any(document.kind == "Model" for document in documents)):
        return _refused(models_dir, codes.FOLDER, "there is no model in this folder", lost.no_model(models_dir))
    return documents, diagnostics


def load_model(path: Path) -> t.Model:
    """One model's spec, for use inside its service: no other file is read. Raises SpecError."""
    document, diagnostics = _document(path, kind="Model")
    if document:
        diagnostics += checks.of_document(document)
    told = in_order(diagnostics)
    if document is None or has_errors(told):
        raise SpecError(tuple(found for found in told if found.severity == "error"))
    return build.model(data(document.root), path)


def _refused(models_dir: Path, code: str, message: str, help: str) -> Diagnostic:
    return Diagnostic(str(models_dir), 1, 1, code, "error", message, help)


def _document(path: Path, kind: Kind | None = None) -> tuple[Document | None, list[Diagnostic]]:
    text = read_file(path)
    if not isinstance(text, Text):
        return None, [text]
    return read_document(text, kind)


def read_document(text: Text, kind: Kind | None = None) -> tuple[Document | None, list[Diagnostic]]:
    """The file's document and what is wrong with its YAML and its shape. ``kind`` is the only one allowed."""
    parsed = parse(text)
    if parsed.root is None:
        return None, parsed.diagnostics
    document = Document(text.file, kind or _kind(parsed.root), parsed.root, text.lines)
    for node in parsed.wrong:
        document.condemn(node)
    if _is_foreign(document):
        return None, [*parsed.diagnostics, *_kind_problems(document, kind)]
    return document, [*parsed.diagnostics, *_kind_problems(document, kind), *shape.check(document)]


def _kind(root: Node) -> Kind:
    """What a file is meant to be; where it does not say so, its fields do."""
    if not isinstance(root, Mapped):
        return "Model"
    written = root.entries.get("kind")
    if written and isinstance(written.node, Scalar) and isinstance(written.node.value, str):
        for kind in KINDS:
            if suggest.choice(written.node.value, KINDS) == kind:
                return kind
    return "Stack" if _STACK_FIELDS & set(root.entries) else "Model"


def _is_foreign(document: Document) -> bool:
    """A file of another program, such as a Kubernetes object: of its fields nothing is worth telling."""
    version, kind = document.text("apiVersion"), document.text("kind")
    known = kind is None or suggest.choice(kind, KINDS) is not None
    return not known and version is not None and "modelwatch" not in version


def _kind_problems(document: Document, only: Kind | None) -> Iterator[Diagnostic]:
    """A kind that is neither Model nor Stack: the schema of one of them would not offer the other."""
    written = document.text("kind")
    node = document.find("kind")
    if written is None or node is None or written == document.kind:
        return
    guess = suggest.choice(written, KINDS)
    if only and guess != only:
        help = f"name the file of a {only.lower()}"
    elif _is_foreign(document):
        help = (
            "every .yaml file of this folder is read as a spec: move this one elsewhere, or make it a "
            + " or ".join(KINDS)
        )
    else:
        help = f"did you mean '{guess}'?" if guess else "choose one of " + ", ".join(KINDS)
    message = f"'kind' cannot be '{words.short(written)}'" + (" here" if only else "")
    yield document.diagnostic(codes.NOT_ONE_OF, document.span("kind"), message, help)
    document.condemn(node)
