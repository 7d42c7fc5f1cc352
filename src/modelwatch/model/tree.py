"""A YAML document as values that know where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from modelwatch.model.diagnostics import Diagnostic, Severity
from modelwatch.model.schema import Kind, is_duration
from modelwatch.model.units import Duration


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file; ``line`` and ``column`` count from 1, in characters."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """``text`` is the source's spelling, so that 2.50 keeps its zero."""

    span: Span
    value: str | Decimal | bool | None
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    span: Span
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    key: Span
    node: Node


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    span: Span
    entries: Mapping[str, Entry]


Node = Scalar | Sequence | Mapped
Step = str | int


def data(node: Node) -> Any:
    """The plain value: dict, list, str, Decimal, bool or None."""
    if isinstance(node, Mapped):
        return {key: data(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [data(item) for item in node.items]
    return node.value


def child(node: Node, step: Step) -> Node | None:
    """The node one step below, or None."""
    if isinstance(node, Mapped) and isinstance(step, str):
        entry = node.entries.get(step)
        return entry.node if entry else None
    if isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


@dataclass
class Document:
    """One file's tree, and the nodes that are known to be wrong.

    The accessors give None for what is missing or wrong, so a check speaks only of what it can judge and one mistake
    is told once.
    """

    file: str
    kind: Kind
    root: Node
    lines: tuple[str, ...] = ()
    wrong: set[int] = field(default_factory=set)

    def condemn(self, node: Node) -> None:
        """The node is wrong: later checks pass it over."""
        self.wrong.add(id(node))

    def diagnostic(
        self, code: str, span: Span, message: str, help: str = "", severity: Severity = "error"
    ) -> Diagnostic:
        line = self.lines[span.line - 1] if 0 < span.line <= len(self.lines) else ""
        return Diagnostic(self.file, span.line, span.column, code, severity, message, help, line, span.length)

    def find(self, *path: Step) -> Node | None:
        """The node at ``path`` unless it, or one above it, is missing or wrong."""
        node: Node | None = self.root
        for step in path:
            if node is None or id(node) in self.wrong:
                return None
            node = child(node, step)
        return None if node is None or id(node) in self.wrong else node

    def has(self, *path: Step) -> bool:
        """Whether something is written there, right or wrong."""
        node: Node | None = self.root
        for step in path:
            node = child(node, step) if node is not None else None
        return node is not None

    def text(self, *path: Step) -> str | None:
        node = self.find(*path)
        return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None

    def number(self, *path: Step) -> Decimal | None:
        node = self.find(*path)
        return node.value if isinstance(node, Scalar) and isinstance(node.value, Decimal) else None

    def duration(self, *path: Step) -> Duration | None:
        text = self.text(*path)
        return Duration.parse(text) if text is not None and is_duration(text) else None

    def keys(self, *path: Step) -> tuple[str, ...]:
        node = self.find(*path)
        return tuple(node.entries) if isinstance(node, Mapped) else ()

    def count(self, *path: Step) -> int:
        node = self.find(*path)
        return len(node.items) if isinstance(node, Sequence) else 0

    def span(self, *path: Step) -> Span:
        """Where the value at ``path`` stands; what is missing stands where the nearest thing above it does."""
        node, found = self.root, _start(self.root)
        for step in path:
            below = child(node, step)
            if below is None:
                break
            found = below.span
            if not isinstance(below, Scalar):
                found = node.entries[step].key if isinstance(node, Mapped) and isinstance(step, str) else _start(below)
            node = below
        return found

    def key_span(self, *path: Step) -> Span:
        """Where the key of the value at ``path`` stands."""
        above = self.root
        for step in path[:-1]:
            above = child(above, step) or above
        if isinstance(above, Mapped) and isinstance(path[-1], str) and path[-1] in above.entries:
            return above.entries[path[-1]].key
        return self.span(*path)

    def texts(self, *path: Step) -> Iterator[tuple[int, str]]:
        """Index and value of every right text in the list at ``path``."""
        for index in range(self.count(*path)):
            text = self.text(*path, index)
            if text is not None:
                yield index, text


def _start(node: Node) -> Span:
    """Where to point for a whole node: its first key, so that the caret lies under something that can be read."""
    if isinstance(node, Mapped) and node.entries:
        return next(iter(node.entries.values())).key
    return node.span
