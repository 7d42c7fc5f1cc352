"""Versions that the generators can write for."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model import codes
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document

# Names and options of older Collectors are not known: their self-metrics and OTTL were written otherwise.
_OLDEST_COLLECTOR = (0, 119)


def check(document: Document) -> Iterator[Diagnostic]:
    text = document.text("versions", "collector")
    if text is None:
        return
    major, _, minor = text.partition(".")
    if (int(major), int(minor)) < _OLDEST_COLLECTOR:
        oldest = ".".join(map(str, _OLDEST_COLLECTOR))
        message = f"the Collector {text} is too old: configs are written for {oldest} and later"
        help = f'write "{oldest}" or a later release, and run that one'
        yield document.diagnostic(codes.OUT_OF_BOUNDS, document.span("versions", "collector"), message, help)
