"""libyaml's words for a syntax error -> what it means and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from modelwatch.model.tree import Span

# Part of libyaml's or PyYAML's problem -> our message and help. The first that fits is taken.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "a ':' where no key can be",
        "put text that holds ': ' in quotes, and check the indentation",
    ),
    (
        "could not find expected ':'",
        "a line without a key",
        "write key: value, or check the indentation and the quotes above",
    ),
    ("found undefined alias", "an alias without an anchor", "write &name where the value is, before *name"),
    ("found duplicate anchor", "an anchor is written twice", "give each anchor a name of its own"),
    ("found unexpected end of stream", "a quote that is never closed", "close it with the same quote"),
    (
        "did not find expected ',' or ']'",
        "a list that is not closed here",
        "write a comma between its items and ] at its end",
    ),
    (
        "did not find expected ',' or '}'",
        "a mapping that is not closed here",
        "write a comma between its fields and } at its end",
    ),
    ("expected ',' or ']'", "a list that is not closed here", "write a comma between its items and ] at its end"),
    ("expected ',' or '}'", "a mapping that is not closed here", "write a comma between its fields and } at its end"),
    (
        "did not find expected '-' indicator",
        "a line that belongs to no list item",
        "start an item with '- ', indented like the others",
    ),
    (
        "did not find expected key",
        "a line that fits nothing around it",
        "indent it like its neighbours, and put text with a colon in quotes",
    ),
    (
        "block sequence entries are not allowed",
        "a list item where no list can be",
        "put the list on the lines below its key",
    ),
    ("did not find expected node content", "a value is missing here", "write one, or remove the comma"),
    (
        "found unknown escape character",
        "an unknown escape in double quotes",
        "write \\\\ for a backslash, or use single quotes",
    ),
    ("found unexpected ':'", "a ':' without a value", "write a space and a value after it"),
    ("found undefined tag handle", "an unknown YAML tag", "put text that starts with ! in quotes"),
    (
        "did not find expected <document start>",
        "text after the end of the document",
        "indent it as part of what comes before it, or remove it",
    ),
    ("found incompatible YAML document", "a YAML version that is not known here", "remove the %YAML line"),
)


_GLUED = re.compile(r"\s*(?:- +)?([A-Za-z_]\w*:)[^\s:/]")


def glued_key(error: yaml.YAMLError, before: Sequence[str]) -> tuple[int, int] | None:
    """Line and column of the ':' in ``name:churn``, which YAML reads as text and trips over one line further down."""
    if "mapping values are not allowed" not in str(getattr(error, "problem", "")):
        return None
    number = next((number for number in range(len(before), 0, -1) if before[number - 1].strip()), 0)
    match = _GLUED.match(before[number - 1]) if number else None
    return (number, match.end(1)) if match else None


def never_closed(error: yaml.YAMLError, lines: Sequence[str], bracket: Span | None) -> Span | None:
    """The bracket or quote that is still open where the parser trips; ``bracket`` is the innermost that is open there.

    Besides at the end of the file, a bracket was forgotten where the parser trips over a line further down that is
    indented no deeper than the bracket's own and starts no flow value: the next field, not an item without a comma.
    """
    opening, mark = getattr(error, "context_mark", None), getattr(error, "problem_mark", None)
    if mark is None:
        return None
    rest = (lines[mark.line][mark.column :], *lines[mark.line + 1 :]) if mark.line < len(lines) else ()
    ended = not "".join(rest).strip()
    if "quoted scalar" in str(getattr(error, "context", "")):
        return Span(opening.line + 1, opening.column + 1) if opening and ended else None
    if bracket is None:
        return None
    further = mark.line >= bracket.line and not ended and _is_next_field(lines[mark.line], lines[bracket.line - 1])
    return bracket if ended or further else None


def _is_next_field(line: str, above: str) -> bool:
    content = line.lstrip()
    return len(line) - len(content) <= len(above) - len(above.lstrip()) and content[:1] not in set("[{]}\"'")


def open_bracket(character: str) -> tuple[str, str] | None:
    """Message and help for a bracket that is never closed; None for another character."""
    ends = {"[": ("]", "list"), "{": ("}", "mapping")}
    if character not in ends:
        return None
    end, what = ends[character]
    return f"'{character}' is never closed", f"write {end} at the end of the {what}"


def explain(error: yaml.YAMLError, line: str, column: int) -> tuple[str, str]:
    """Message and help for a syntax error at ``column`` (from 1) of ``line``."""
    here = line[column - 1 : column]
    if "\t" in line[: len(line) - len(line.lstrip())] or here == "\t":
        return "a tab", "YAML is indented with spaces"
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    for part, message, help in _KNOWN:
        if part in problem:
            return message, help
    if "cannot start any token" in problem or "that cannot start" in problem:
        return f"'{here}' cannot start a value", "put the value in quotes"
    return f"YAML syntax error: {problem}", "put text that holds YAML's own characters in quotes"
