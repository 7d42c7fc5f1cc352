"""Diagnostics as text for people, JSON for programs and annotations for GitHub."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict

from modelwatch.model.diagnostics import Diagnostic, Severity

_FIELDS = ("file", "line", "column", "code", "severity", "message", "help")
# How much of a long line is shown: a caret that the terminal wraps points nowhere.
_WIDTH = 110
_RED, _YELLOW, _CYAN, _BLUE, _BOLD, _RESET = "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[34m", "\x1b[1m", "\x1b[0m"
_SHADES: dict[Severity, str] = {"error": _RED, "warning": _YELLOW, "note": _CYAN}
# What GitHub calls them.
_ANNOTATIONS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


def as_text(diagnostics: Sequence[Diagnostic], *, colour: bool = False) -> str:
    """One block for each, with an empty line between them."""
    return "\n\n".join(_block(diagnostic, colour) for diagnostic in diagnostics)


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    """A list of objects, [] where there is nothing to tell."""
    return json.dumps([{key: asdict(d)[key] for key in _FIELDS} for d in diagnostics], indent=2)


def as_github(diagnostics: Sequence[Diagnostic]) -> str:
    """One workflow command a line; GitHub shows each at its line of the pull request."""
    return "\n".join(_annotation(diagnostic) for diagnostic in diagnostics)


def _block(diagnostic: Diagnostic, colour: bool) -> str:
    """``file:line:column CODE message``, the line, a caret under what is meant, and how to mend it."""
    shade = _SHADES[diagnostic.severity]
    place = f"{diagnostic.file}:{diagnostic.line}:{diagnostic.column}"
    kind = "" if diagnostic.severity == "error" else f"{diagnostic.severity}: "
    lines = [f"{_paint(place, _BOLD, colour)} {_paint(diagnostic.code, shade, colour)} {kind}{diagnostic.message}"]
    if diagnostic.source_line.strip():
        shown, before, carets = _excerpt(diagnostic)
        number = str(diagnostic.line)
        margins = (f"{number} |", f"{' ' * len(number)} |")
        for margin, content in zip(margins, (shown, before + _paint(carets, shade, colour)), strict=True):
            lines.append(f"{_paint(margin, _BLUE, colour)} {content}")
    if diagnostic.help:
        lines.append(f"{_paint('help:', _BLUE, colour)} {diagnostic.help}")
    return "\n".join(lines)


def _paint(word: str, shade: str, colour: bool) -> str:
    return f"{shade}{word}{_RESET}" if colour and word else word


def _excerpt(diagnostic: Diagnostic) -> tuple[str, str, str]:
    """The part of the line that is shown, the space before the carets, and the carets."""
    line = diagnostic.source_line.rstrip()
    start = min(diagnostic.column - 1, len(line))
    end = min(start + diagnostic.length, max(len(line), start + 1))
    cut = max(0, start - _WIDTH // 2) if len(line) > _WIDTH else 0
    prefix = "..." if cut else ""
    shown = line[cut : cut + _WIDTH]
    suffix = "..." if cut + _WIDTH < len(line) else ""
    before = " " * (len(prefix) + _columns(line[cut:start]))
    carets = "^" * max(1, _columns(line[start : min(end, cut + _WIDTH)]))
    return prefix + _visible(shown) + suffix, before, carets


def _visible(line: str) -> str:
    """No control character reaches a terminal."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line)


def _columns(part: str) -> int:
    """Columns of a terminal that the text takes: two for wide characters, none for marks on others."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in part)


def _annotation(diagnostic: Diagnostic) -> str:
    place = ",".join(
        f"{key}={_escaped(value, for_property=True)}"
        for key, value in (
            ("file", diagnostic.file),
            ("line", str(diagnostic.line)),
            ("col", str(diagnostic.column)),
            ("title", diagnostic.code),
        )
    )
    message = diagnostic.message + (f"\nhelp: {diagnostic.help}" if diagnostic.help else "")
    return f"::{_ANNOTATIONS[diagnostic.severity]} {place}::{_escaped(message)}"


def _escaped(value: str, *, for_property: bool = False) -> str:
    value = value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return value.replace(":", "%3A").replace(",", "%2C") if for_property else value
