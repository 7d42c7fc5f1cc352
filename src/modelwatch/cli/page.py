"""The page of a diagnostic code, from docs/diagnostics, for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import modelwatch

# A link to docs/diagnostics in the repository, a copy of it in the wheel.
PAGES = Path(modelwatch.__file__).with_name("diagnostics")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def of_spec(code: str) -> str:
    """Of a code that a spec can bring about."""
    return plain((PAGES / f"{code}.md").read_text(encoding="utf-8"))


def of_generated(code: str) -> str:
    """Of a code about what is generated: its part of the page that they share."""
    page = (PAGES / "generated.md").read_text(encoding="utf-8")
    part = next(part for part in page.split("\n## ") if part.startswith(f"{code}:"))
    return plain(f"# {part.replace('### ', '## ')}")


def plain(page: str) -> str:
    """Markdown as people write it by hand: blocks indented, headings as lines, links as their text."""
    return "\n".join(_lines(page)).strip()


def _lines(page: str) -> Iterator[str]:
    block = False
    for line in page.splitlines():
        if line.startswith("```"):
            block = not block
        elif block:
            yield f"    {line}".rstrip()
        elif line.startswith("## "):
            yield f"{line.removeprefix('## ')}:"
        else:
            yield _LINK.sub(r"\1", line.removeprefix("# "))
