"""Markdown to HTML that is safe to show: raw HTML comes out as text, and links to scripts do not become links."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "typographer": False}).enable(["table", "strikethrough"])


def render(source: str) -> str:
    return str(_parser().render(source))
