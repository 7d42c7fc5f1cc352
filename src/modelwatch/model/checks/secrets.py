"""Secrets that were pasted into a spec, which everyone can read and git never forgets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from modelwatch.model import codes
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document, Mapped, Node, Scalar, Sequence

_KINDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"https?://hooks\.slack\.com/\S*"), "a Slack webhook"),
    (re.compile(r"\bxox[a-z]-[A-Za-z0-9-]{8,}"), "a Slack token"),
    (re.compile(r"\bhttps?://[^\s/@:]*:[^\s/@]+@\S*"), "a URL with a password"),
    # PagerDuty's routing keys: 32 letters and digits, some of each.
    (
        re.compile(r"(?<![A-Za-z0-9/._-])(?=[a-zA-Z]*[0-9])(?=[0-9]*[a-zA-Z])[A-Za-z0-9]{32}(?![A-Za-z0-9/._-])"),
        "a routing key",
    ),
)


def check(document: Document) -> Iterator[Diagnostic]:
    for node in _scalars(document.root):
        for pattern, kind in _KINDS:
            if pattern.search(node.text):
                help = "revoke it, keep the new one in a file outside of git, and name the file by key_file or url_file"
                found = document.diagnostic(codes.SECRET, node.span, f"this looks like {kind}", help)
                # What is told ends up in logs: the secret must not.
                start = found.column - 1
                hidden = found.source_line[:start] + "*" * found.length + found.source_line[start + found.length :]
                yield replace(found, source_line=hidden)
                document.condemn(node)
                break


def _scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    for below in node.items if isinstance(node, Sequence) else ():
        yield from _scalars(below)
    for entry in node.entries.values() if isinstance(node, Mapped) else ():
        yield from _scalars(entry.node)
