"""A document against its JSON Schema: what is told of fields. Of values, see values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelwatch.model import codes, suggest, values, words
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.schema import Kind, resolve, schema
from modelwatch.model.tree import Document, Mapped, Node, Step, data
from modelwatch.model.violations import ABOUT_FIELDS, Violation, violations


def check(document: Document) -> Iterator[Diagnostic]:
    """Every difference from the schema; values that are told of are condemned."""
    if id(document.root) in document.wrong:
        return
    if not isinstance(document.root, Mapped):
        message = f"a spec is a mapping of fields, found {words.found(document.root)}"
        help = f"start with apiVersion: modelwatch/v1 and kind: {document.kind}"
        document.condemn(document.root)
        yield document.diagnostic(codes.WRONG_TYPE, document.root.span, message, help)
        return
    misnamed: list[Node] = []
    for violation in violations(document.kind, data(document.root)):
        node = document.find(*violation.path)
        if node is None:
            continue
        if violation.keyword in ABOUT_FIELDS:
            if isinstance(node, Mapped):
                yield from _fields(document, violation, node)
        elif violation.key is not None:
            yield values.key(document, violation, violation.key)
            misnamed.append(node)
        else:
            yield values.value(document, violation, node)
            document.condemn(node)
    # Whatever refers to a name of these may mean the one that is malformed; what is inside has been told by now.
    for node in misnamed:
        document.condemn(node)


def _fields(document: Document, violation: Violation, node: Mapped) -> Iterator[Diagnostic]:
    known: Mapping[str, Any] = violation.schema.get("properties", {})
    closed = violation.schema.get("additionalProperties") is False
    unknown = [name for name in node.entries if name not in known] if closed else []
    free = [name for name in known if name not in node.entries]
    meant = {name: suggest.field(name, free) for name in unknown}
    if violation.keyword == "additionalProperties":
        for name, guess in meant.items():
            help = f"did you mean '{guess}'?" if guess else _elsewhere(document.kind, name, violation.path, known)
            message = f"unknown field '{words.short(name)}'"
            yield document.diagnostic(codes.UNKNOWN_FIELD, node.entries[name].key, message, help)
        return
    for name in _missing(violation, node):
        # A misspelt field is told once, as misspelt.
        if name not in meant.values():
            message = f"{_owner(violation.path)} lacks '{name}'"
            help = f"add {name}: {_example(document.kind, known.get(name, {}))}"
            yield document.diagnostic(codes.MISSING_FIELD, document.span(*violation.path), message, help)


def _missing(violation: Violation, node: Mapped) -> list[str]:
    wanted: list[str] = violation.bound
    if violation.keyword == "dependentRequired":
        wanted = [name for present, names in violation.bound.items() if present in node.entries for name in names]
    return [name for name in wanted if name not in node.entries]


def _owner(path: tuple[Step, ...]) -> str:
    if not path:
        return "the spec"
    return f"'{path[-1]}'" if isinstance(path[-1], str) else f"this item of '{path[-2]}'"


def _example(kind: Kind, part: Mapping[str, Any]) -> str:
    found = resolve(kind, part)
    shown = words.example(found)
    if shown:
        return shown
    choices: list[str] = found.get("enum", [found["const"]] if "const" in found else [])
    return " or ".join(filter(None, (", ".join(choices[:-1]), *choices[-1:])))


def _elsewhere(kind: Kind, name: str, path: tuple[Step, ...], known: Mapping[str, Any]) -> str:
    """Where a field belongs that is right but in the wrong place, else what may stand here."""
    here = tuple(step for step in path if isinstance(step, str))
    places = [place for place in _places(kind, schema(kind), name, ()) if place != here]
    if places:
        place = min(places, key=len)
        return f"'{name}' belongs under '{'.'.join(place)}'" if place else f"'{name}' belongs at the top level"
    return "known here: " + ", ".join(known)


def _places(kind: Kind, part: Mapping[str, Any], name: str, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    part = resolve(kind, part)
    properties = part.get("properties", {})
    if name in properties:
        yield path
    for step, below in properties.items():
        yield from _places(kind, below, name, (*path, step))
    for keyword in ("items", "additionalProperties"):
        if isinstance(part.get(keyword), dict):
            yield from _places(kind, part[keyword], name, path)
    for below in part.get("anyOf", ()):
        yield from _places(kind, below, name, path)
