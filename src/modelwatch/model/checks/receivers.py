"""Receivers and destinations: the fields that each type needs, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from modelwatch.model import codes, words
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
_HOST_PORT = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})\Z")
_URL = re.compile(r"https?://[^\s/]+(/\S*)?\Z")
_HIGHEST_PORT = 65535


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


def destinations(document: Document) -> Iterator[Diagnostic]:
    for signal in ("traces", "logs"):
        for index in range(document.count("destinations", signal)):
            yield from _destination(document, signal, index)


def _destination(document: Document, signal: str, index: int) -> Iterator[Diagnostic]:
    path = ("destinations", signal, index)
    kind, endpoint = document.text(*path, "type"), document.text(*path, "endpoint")
    if kind in _ONE_SIGNAL and signal != _ONE_SIGNAL[kind]:
        message = f"{kind} takes {_ONE_SIGNAL[kind]} and no {signal}"
        help = f"send {signal} to type: otlp or type: file"
        yield document.diagnostic(codes.NOT_FOR_DESTINATION, document.span(*path, "type"), message, help)
    elif kind in _ENDPOINTS and endpoint is not None and not any(form(endpoint) for form in _ENDPOINTS[kind][0]):
        forms, wanted = _ENDPOINTS[kind]
        message = f"'endpoint' of {kind} wants {wanted}, found '{words.short(endpoint)}'"
        help = "such as " + ("http://127.0.0.1:3100" if forms == (_is_url,) else "127.0.0.1:4319")
        yield document.diagnostic(codes.NOT_FOR_DESTINATION, document.span(*path, "endpoint"), message, help)


def _is_host_port(endpoint: str) -> bool:
    match = _HOST_PORT.match(endpoint)
    return match is not None and 0 < int(match[2]) <= _HIGHEST_PORT


def _is_url(endpoint: str) -> bool:
    return _URL.match(endpoint) is not None


_ONE_SIGNAL = {"jaeger": "traces", "loki": "logs"}
# Type -> (what it accepts, in words).
_ENDPOINTS: dict[str, tuple[tuple[Callable[[str], bool], ...], str]] = {
    "jaeger": ((_is_host_port,), "host:port"),
    "otlp": ((_is_host_port, _is_url), "host:port or a URL"),
    "loki": ((_is_url,), "a URL"),
}
