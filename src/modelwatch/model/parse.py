"""Text -> a tree with positions. Everything that can be wrong with YAML itself is told here.

Built from the parser's events: composing nodes first is recursive in C and dies of deep nesting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from modelwatch.model import codes
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.read import Text
from modelwatch.model.scalars import Trap, read_plain
from modelwatch.model.tree import Entry, Mapped, Node, Scalar, Sequence, Span
from modelwatch.model.yaml_errors import explain, glued_key, never_closed, open_bracket

MAX_DEPTH = 50
# Values that aliases may add before a file counts as an alias bomb.
MAX_ALIASED = 100_000
_MERGE = "<<"
# libyaml where it is there, ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Parsed:
    """``root`` is None where the YAML cannot be read at all; ``wrong`` are nodes of which enough has been said."""

    root: Node | None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    wrong: list[Node] = field(default_factory=list)


class _Stop(Exception):  # noqa: N818 -- ends the walk early; its reason is among the diagnostics
    pass


def parse(text: Text) -> Parsed:
    """The tree of a file's one document."""
    builder = _Builder(text, yaml.parse(text.content, Loader=_LOADER))
    try:
        root = builder.document()
    except yaml.YAMLError as error:
        return Parsed(
            None, [*builder.diagnostics, _syntax(text, error, builder.brackets[-1] if builder.brackets else None)]
        )
    except _Stop:
        return Parsed(None, builder.diagnostics)
    return Parsed(root, builder.diagnostics, builder.wrong)


def _syntax(text: Text, error: yaml.YAMLError, bracket: Span | None) -> Diagnostic:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    # The parser points past the end when something is still open there: point at the last character instead.
    if line > len(text.lines) or not "".join(text.lines[line - 1 :]).strip():
        line = max((number for number, content in enumerate(text.lines, 1) if content.strip()), default=1)
        column = len(text.lines[line - 1].rstrip()) or 1
    opening = never_closed(error, text.lines, bracket)
    if opening:
        told = open_bracket(text.lines[opening.line - 1][opening.column - 1])
        return text.diagnostic(codes.SYNTAX, opening, *(told or explain(error, "", 1)))
    glued = glued_key(error, text.lines[: line - 1])
    if glued:
        line, column = glued[0], glued[1]
        message, help = "a key without a space after its ':'", "write key: value"
        return text.diagnostic(codes.SYNTAX, Span(line, column), message, help)
    message, help = explain(error, text.lines[line - 1], column)
    return text.diagnostic(codes.SYNTAX, Span(line, column), message, help)


def _place(event: Any) -> Span:
    return Span(event.start_mark.line + 1, event.start_mark.column + 1)


@dataclass
class _Builder:
    text: Text
    events: Iterator[Any]
    diagnostics: list[Diagnostic] = field(default_factory=list)
    wrong: list[Node] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int] | None] = field(default_factory=dict)
    aliased: int = 0
    brackets: list[Span] = field(default_factory=list)
    """Where each flow collection starts that is open now."""

    def document(self) -> Node | None:
        next(self.events)
        first = next(self.events)
        if isinstance(first, yaml.StreamEndEvent):
            self._empty()
        root, _ = self._node(next(self.events), 0)
        if isinstance(root, Scalar) and root.value is None:
            self._empty()
        next(self.events)
        second = next(self.events)
        if isinstance(second, yaml.DocumentStartEvent):
            help = "put each spec in a file of its own"
            self._report(codes.DOCUMENTS, _place(second), "a second YAML document starts here", help)
            raise _Stop
        return root

    def _empty(self) -> None:
        help = "write a spec, or delete the file; modelwatch init drafts a spec from a table"
        self._report(codes.EMPTY, Span(1, 1), "this file says nothing", help)
        raise _Stop

    def _report(self, code: str, span: Span, message: str, help: str) -> None:
        self.diagnostics.append(self.text.diagnostic(code, span, message, help))

    def _node(self, event: Any, depth: int) -> tuple[Node, int]:
        """The node that starts with ``event``, and how many values it stands for."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth > MAX_DEPTH:
            help = "a spec has a few levels at most"
            self._report(codes.SYNTAX, _place(event), f"nested more than {MAX_DEPTH} levels deep", help)
            raise _Stop
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        made: tuple[Node, int]
        if isinstance(event, yaml.ScalarEvent):
            made = (self._scalar(event), 1)
        else:
            if event.flow_style:
                self.brackets.append(_place(event))
            made = (self._sequence if isinstance(event, yaml.SequenceStartEvent) else self._mapping)(event, depth)
            if event.flow_style:
                self.brackets.pop()
        if event.anchor is not None:
            self.anchors[event.anchor] = made
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._report(
                codes.TAG, _place(event), f"YAML tag {tag}", "remove the tag; the field decides what its value is"
            )
            self.wrong.append(made[0])
        return made

    def _alias(self, event: yaml.AliasEvent) -> tuple[Node, int]:
        name, span = event.anchor, _place(event)
        if name not in self.anchors:
            self._report(codes.ALIAS, span, f"no anchor &{name} comes before this", f"write &{name} where the value is")
            raise _Stop
        target = self.anchors[name]
        if target is None:
            self._report(codes.ALIAS, span, f"*{name} stands inside the value of &{name}", "write the value out")
            raise _Stop
        self.aliased += target[1]
        if self.aliased > MAX_ALIASED:
            message = f"aliases up to here stand for more than {MAX_ALIASED:,} values"
            self._report(codes.ALIAS, span, message, "write fewer aliases")
            raise _Stop
        return target

    def _sequence(self, start: Any, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        size = 1
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            item, item_size = self._node(event, depth + 1)
            items.append(item)
            size += item_size
        return Sequence(_place(start), tuple(items)), size

    def _mapping(self, start: Any, depth: int) -> tuple[Node, int]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        size = 1
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and event.value == _MERGE:
                below, below_size = self._node(next(self.events), depth + 1)
                for name, entry in self._merge(below):
                    merged.setdefault(name, entry)
                size += below_size
                continue
            key = self._key(event, depth)
            below, below_size = self._node(next(self.events), depth + 1)
            size += below_size
            if key is None:
                continue
            name, span = key
            if name in entries:
                help = f"the first is on line {entries[name].key.line}; keep one of them"
                self._report(codes.DUPLICATE_KEY, span, f"'{name}' is written twice", help)
                continue
            entries[name] = Entry(span, below)
        return Mapped(_place(start), {**merged, **entries}), size

    def _merge(self, below: Node) -> Iterator[tuple[str, Entry]]:
        for source in below.items if isinstance(below, Sequence) else (below,):
            if isinstance(source, Mapped):
                yield from source.entries.items()
            else:
                help = "name an anchor of a mapping, such as <<: *shared"
                self._report(codes.ALIAS, source.span, "'<<' wants a mapping", help)

    def _key(self, event: Any, depth: int) -> tuple[str, Span] | None:
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, depth + 1)
            self._report(codes.KEY_NOT_TEXT, _place(event), "a key that is not text", "a key is the name of a field")
            return None
        key = self._node(event, depth + 1)[0]
        if not isinstance(key, Scalar) or key in self.wrong:
            return None
        if not isinstance(key.value, str):
            quoted = f"'{key.text}'" if key.text else "'name'"
            self._report(codes.KEY_NOT_TEXT, key.span, "a key that is not text", f"write it in quotes: {quoted}")
            return None
        return key.value, key.span

    def _scalar(self, event: Any) -> Scalar:
        span, spelt = self._extent(event)
        if not event.implicit[0]:
            return Scalar(span, event.value, spelt)
        value = read_plain(event.value)
        if isinstance(value, Trap):
            self._report(value.code, span, value.message, value.help)
            refused = Scalar(span, event.value, spelt)
            self.wrong.append(refused)
            return refused
        return Scalar(span, value, spelt)

    def _extent(self, event: Any) -> tuple[Span, str]:
        start, end = event.start_mark, event.end_mark
        if start.line == end.line and start.line < len(self.text.lines):
            spelt = self.text.lines[start.line][start.column : end.column]
            return Span(start.line + 1, start.column + 1, max(1, len(spelt))), spelt
        return _place(event), event.value
