"""Markdown to HTML that is safe to show: raw HTML comes out as text, and links to scripts do not become links."""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "typographer": False}).enable(["table", "strikethrough"])


# The stamp of a generated file is for those who edit it, not for those who read the page.
_STAMP = re.compile(r"\A(\s*<!--.*?-->)+", re.DOTALL)


def render(source: str) -> str:
    """HTML of ``source`` without the comments that it begins with."""
    return str(_parser().render(_STAMP.sub("", source)))
