"""What is wrong with a spec, as plain data. Wording for people and machines is render's job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# An error keeps a spec from being used; a warning is most likely a mistake; a note tells what a right spec leaves
# unwatched.
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem. ``line`` and ``column`` count from 1, in characters; ``length`` is how many of them are meant."""

    file: str
    line: int
    column: int
    code: str
    severity: Severity
    message: str
    help: str = ""
    source_line: str = ""
    length: int = 1


class SpecError(ValueError):
    """A spec that cannot be used; ``diagnostics`` say why."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("\n".join(f"{d.file}:{d.line}:{d.column} {d.code} {d.message}" for d in diagnostics))
        self.diagnostics = diagnostics


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """By file and place, the same problem of the same place once (an aliased node is checked wherever it is used)."""
    first: dict[tuple[str, int, int, str, str], Diagnostic] = {}
    for found in diagnostics:
        first.setdefault((found.file, found.line, found.column, found.code, found.message), found)
    return tuple(first[key] for key in sorted(first))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(found.severity == "error" for found in diagnostics)
