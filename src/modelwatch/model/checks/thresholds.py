"""Thresholds of drift: the warning below the critical one, and both within what the method's score can be."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from modelwatch.model import codes, defaults
from modelwatch.model import types as t
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document

LEVELS = ("warning", "critical")
# What is not written, or None where it is written and no number.
Thresholds = tuple[Decimal | None, Decimal | None]


def written(document: Document, path: tuple[str | int, ...], usual: Thresholds) -> Thresholds:
    """The thresholds at ``path``; ``usual`` are those that are left out."""
    warning, critical = (
        document.number(*path, level) if document.has(*path, level) else default
        for level, default in zip(LEVELS, usual, strict=True)
    )
    return warning, critical


def check(
    document: Document, path: tuple[str | int, ...], method: t.DriftMethod, usual: Thresholds
) -> Iterator[Diagnostic]:
    own = [level for level in LEVELS if document.has(*path, level)]
    warning, critical = written(document, path, usual)
    if not own or warning is None or critical is None:
        return
    if warning > critical:
        given = "" if len(own) == 2 else f" ({_origin(document, method, path)})"
        message = f"warning {warning:f} is above critical {critical:f}{given}"
        help = (
            "give both, the smaller as warning"
            if given
            else f"did you mean warning: {critical:f}, critical: {warning:f}?"
        )
        yield document.diagnostic(codes.DRIFT_ORDER, document.span(*path, own[0]), message, help)
    if method in defaults.BOUNDED_METHODS and critical > 1:
        message = f"no score of {method} is ever above 1, found {critical:f}"
        low, high = defaults.DRIFT_THRESHOLDS[method]
        help = f"thresholds of psi are not those of {method}; {low} and {high} are as much drift as psi's 0.1 and 0.25"
        yield document.diagnostic(codes.OUT_OF_BOUNDS, document.span(*path, own[-1]), message, help)


def _origin(document: Document, method: t.DriftMethod, path: tuple[str | int, ...]) -> str:
    """Where the threshold that is not written at ``path`` comes from."""
    of_feature = path != ("drift",) and not document.has(*path, "method")
    shared = of_feature and any(document.has("drift", level) for level in LEVELS)
    return "the model's own" if shared else f"{method}'s default"
