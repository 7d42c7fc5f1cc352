"""Where alerts go: receivers, teams and environments that exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelwatch.model import codes, defaults, suggest, words
from modelwatch.model.checks.folder import Folder
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document, Step

_SEVERITIES = ("page", "ticket", "info")


def check(folder: Folder) -> Iterator[Diagnostic]:
    stack = folder.stack
    receivers = _declared(stack, "receivers", defaults.STACK.receivers)
    if receivers is not None:
        for document, path in _routes(folder):
            name = document.text(*path)
            if name is not None and name not in receivers:
                help = _help(name, receivers, "the receivers are", "the stack's file declares no receiver")
                message = f"there is no receiver '{words.short(name)}'"
                yield document.diagnostic(codes.UNKNOWN_RECEIVER, document.span(*path), message, help)
    if stack:
        yield from _unused(folder, stack)
        yield from _teams(folder, stack)
    yield from _environments(folder, _declared(stack, "environments", defaults.STACK.environments))


def _declared(stack: Document | None, field: str, default: Iterable[str]) -> tuple[str, ...] | None:
    """Declared names; None where the declaration itself is wrong, so that nothing is said about its users."""
    if stack is None or (not stack.has(field) and stack.find() is not None):
        return tuple(default)
    return stack.keys(field) or None


def _routes(folder: Folder) -> Iterator[tuple[Document, tuple[Step, ...]]]:
    """Every place where a receiver is named."""
    for document in folder.models:
        yield from ((document, ("alerting", "routes", severity)) for severity in _SEVERITIES)
    stack = folder.stack
    if stack:
        yield from ((stack, ("routes", severity)) for severity in _SEVERITIES)
        yield from ((stack, ("teams", team, severity)) for team in stack.keys("teams") for severity in _SEVERITIES)
        yield stack, ("alerting", "dead_mans_switch")


def _help(name: str, known: Iterable[str], lead: str, none: str) -> str:
    guess = suggest.close(name, known)
    if guess:
        return f"did you mean '{guess}'?"
    return f"{lead} {', '.join(sorted(known))}" if known else none


def _unused(folder: Folder, stack: Document) -> Iterator[Diagnostic]:
    used = {document.text(*path) for document, path in _routes(folder)}
    # A misspelt route is told once, where it stands.
    meant = {suggest.close(name, stack.keys("receivers")) for name in used if name is not None}
    for name in stack.keys("receivers"):
        if name not in used | meant:
            message = f"nothing is sent to '{name}'"
            help = "name it in routes, in a team or in a model's alerting.routes, or remove it"
            span = stack.key_span("receivers", name)
            yield stack.diagnostic(codes.UNUSED_RECEIVER, span, message, help, "warning")


def _teams(folder: Folder, stack: Document) -> Iterator[Diagnostic]:
    teams = stack.keys("teams")
    for document in folder.models if teams else ():
        owner = document.text("metadata", "owner")
        if owner is not None and owner not in teams:
            guess = suggest.close(owner, teams)
            help = f"did you mean '{guess}'?" if guess else f"add it under teams in {stack.file}"
            message = f"'{owner}' is no team, so its alerts go where the stack's routes say"
            span = document.span("metadata", "owner")
            yield document.diagnostic(codes.UNKNOWN_TEAM, span, message, help, "warning")


def _environments(folder: Folder, declared: tuple[str, ...] | None) -> Iterator[Diagnostic]:
    for document in folder.models if declared is not None else ():
        written = document.text("serving", "environment")
        if written is None and document.has("serving", "environment"):
            continue
        environment = written or defaults.ENVIRONMENT
        if declared and environment not in declared:
            message = f"the environment '{environment}' is not declared, so its pages wake people"
            if written is None:
                message = f"the environment is '{environment}' where none is given, and that is not declared"
            where = f"{folder.stack.file}" if folder.stack else "a file with kind: Stack"
            guess = suggest.close(environment, declared)
            help = f"did you mean '{guess}'?" if guess else f"add it under environments in {where}"
            span = document.span("serving", "environment")
            yield document.diagnostic(codes.UNKNOWN_ENVIRONMENT, span, message, help, "warning")
