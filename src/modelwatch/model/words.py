"""Values and schema types in plain words, for messages."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from modelwatch.model.scalars import Trap, read_plain
from modelwatch.model.tree import Mapped, Node, Sequence

_LONGEST = 60
_NEEDS_QUOTES = frozenset("'\"#:,[]{}&*!|>%@`\n")
_ARTICLES = {"objective": "a percentage", "ratio": "a number from 0 to 1", "score": "a number above 0"}


def short(text: str) -> str:
    """Text that fits into a message: one line, not too long."""
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def slug(text: str) -> str:
    """The text as a name of letters, digits, '-' and '_'; accents are dropped, what else cannot be is a '-'."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    spaced = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else " " for c in plain)
    return "-".join(spaced.split()).strip("-_")


def found(node: Node) -> str:
    """What stands there: ``the number 30``, ``a list``."""
    if isinstance(node, Mapped):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    value = node.value
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"the number {short(node.text)}"
    return f"the text '{short(value)}'"


_TYPES = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def wanted(schema: Mapping[str, Any]) -> str:
    """What the schema asks for: ``a duration``, ``a whole number``."""
    title, kind = schema.get("title"), schema.get("type")
    if title in _ARTICLES:
        return _ARTICLES[title]
    if kind == "string":
        return f"a {title}" if title and not title.startswith("text") else title or "text"
    return _TYPES[str(kind)]


def flow(value: Any) -> str:
    """The value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return scalar(value) if isinstance(value, str) else str(value)


def scalar(text: str) -> str:
    """Text as a YAML scalar that every reader takes for that text, on one line, inside or outside of brackets."""
    plain = read_plain(text)
    risky = _NEEDS_QUOTES & set(text) or text != text.strip() or text[:1] in "-?=~<"
    if isinstance(plain, str) and not isinstance(plain, Trap) and not risky and text.isprintable():
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"


def example(schema: Mapping[str, Any]) -> str | None:
    """The schema's first example as YAML on one line."""
    examples = schema.get("examples")
    if examples:
        return flow(examples[0])
    return flow(schema["default"]) if "default" in schema else None
