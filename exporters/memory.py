"""Gives memory that is free back to the operating system, which C's library keeps for later otherwise."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
        return found
    return None  # not glibc


def give_back() -> None:
    """Takes some milliseconds, during which other threads go on but for their allocations."""
    trim = _trim()
    if trim is not None:
        trim(0)
