"""SIGHUP before the sidecar can reload: it is remembered, where Python's own answer to it is to end without a word."""

from __future__ import annotations

import contextlib
import signal

_came = False


def remember() -> None:
    """From now on SIGHUP only leaves a note. To be called first, and in the main thread: elsewhere it is void."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGHUP, _note)


def _note(*_: object) -> None:
    global _came  # noqa: PLW0603  # signals are those of the process
    _came = True


def came() -> bool:
    """Whether one has come since the last time that this was asked."""
    global _came  # signals are those of the process
    found, _came = _came, False
    return found
