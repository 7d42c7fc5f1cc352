"""Destinations: a signal that the type takes, an endpoint of its form, the fields that it needs and no others."""

from __future__ import annotations

from collections.abc import Iterator

from modelwatch.model import codes, words
from modelwatch.model import destinations as table
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document

_EXAMPLES = {"host:port": "127.0.0.1:4319", "a URL": "http://127.0.0.1:3100"}


def check(document: Document) -> Iterator[Diagnostic]:
    for signal in table.SIGNALS:
        for index in range(document.count("destinations", signal)):
            yield from _destination(document, signal, index)


def _destination(document: Document, signal: table.Signal, index: int) -> Iterator[Diagnostic]:
    path = ("destinations", signal, index)
    kind = document.text(*path, "type")
    if kind is None:
        return
    known = table.KINDS[kind]
    if signal not in known.signals:
        message = f"{kind} takes {' and '.join(known.signals)} and no {signal}"
        help = f"send {signal} to type: otlp or type: file"
        yield document.diagnostic(codes.NOT_FOR_DESTINATION, document.span(*path, "type"), message, help)
        return
    for field in table.EXAMPLES:
        if field in known.needs and not document.has(*path, field):
            message = f"a destination of type {kind} needs '{field}'"
            help = f"add {field}: {_example(field, known)}"
            yield document.diagnostic(codes.NOT_FOR_DESTINATION, document.span(*path), message, help)
        if field not in known.needs and document.has(*path, field):
            message = f"a destination of type {kind} does not use '{field}'"
            help = f"remove it; {kind} has {', '.join(known.needs) or 'no fields besides its name'}"
            yield document.diagnostic(codes.NOT_FOR_DESTINATION, document.key_span(*path, field), message, help)
    endpoint = document.text(*path, "endpoint")
    if known.forms and endpoint is not None:
        yield from _endpoint(document, path, kind, endpoint)


def _endpoint(
    document: Document, path: tuple[str, table.Signal, int], kind: str, endpoint: str
) -> Iterator[Diagnostic]:
    known, span = table.KINDS[kind], document.span(*path, "endpoint")
    if not any(table.is_form(endpoint, form) for form in known.forms):
        message = f"'endpoint' of {kind} wants {' or '.join(known.forms)}, found '{words.short(endpoint)}'"
        yield document.diagnostic(codes.NOT_FOR_DESTINATION, span, message, f"such as {_example('endpoint', known)}")
    elif "a URL" in known.forms and table.in_clear(kind, endpoint):
        message = f"'endpoint' of {kind} leaves this machine in clear: '{words.short(endpoint)}'"
        help = "use https://; only this machine may be reached by http://"
        yield document.diagnostic(codes.NOT_FOR_DESTINATION, span, message, help)


def _example(field: str, known: table.Kind) -> str:
    return _EXAMPLES.get(known.forms[0], "traces.jsonl") if field == "endpoint" else table.EXAMPLES[field]
