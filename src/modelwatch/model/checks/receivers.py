"""Receivers: the fields that each type needs, and no others."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model import codes
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document

# Type -> (fields it needs, fields it may have).
_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "pagerduty": (("key_file",), ()),
    "slack": (("url_file",), ("channel",)),
    "webhook": (("url",), ()),
    "none": ((), ()),
}
_EXAMPLES = {"key_file": "secrets/{}.key", "url_file": "secrets/{}.url", "url": "https://example.com/hooks/{}"}
_OPTIONAL = ("key_file", "url_file", "url", "channel")
# The generated Alertmanager config has a receiver of its own for alerts that nobody is told of.
_TAKEN = "nobody"


def check(document: Document) -> Iterator[Diagnostic]:
    for name in document.keys("receivers"):
        if name == _TAKEN:
            message = f"the receiver's name '{name}' is reserved"
            help = "the generated Alertmanager config has one of that name; choose another"
            yield document.diagnostic(codes.RESERVED, document.key_span("receivers", name), message, help)
        yield from _receiver(document, name)


def _receiver(document: Document, name: str) -> Iterator[Diagnostic]:
    kind = document.text("receivers", name, "type")
    if kind is None:
        return
    needed, allowed = _FIELDS[kind]
    for field in needed:
        if not document.has("receivers", name, field):
            message = f"a {kind} receiver needs '{field}'"
            help = f"add {field}: {_EXAMPLES[field].format(name)}"
            yield document.diagnostic(codes.NOT_FOR_RECEIVER, document.span("receivers", name), message, help)
    for field in _OPTIONAL:
        if document.has("receivers", name, field) and field not in (*needed, *allowed):
            message = f"a {kind} receiver does not use '{field}'"
            help = f"remove it; {kind} has {', '.join((*needed, *allowed)) or 'no fields'}"
            yield document.diagnostic(
                codes.NOT_FOR_RECEIVER, document.key_span("receivers", name, field), message, help
            )
