"""Has C's library give back memory that is free, which it keeps for later otherwise."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
# A block of this size or more, as a request's body is, is the operating system's again as soon as it is free. Unless
# this is set, the library raises it to the largest block that it has seen freed.
_LARGE = 32 << 20
# So much that is free may stay at the end of the heap until it is given back: with a fourth of it, large requests have
# half their rate, since their memory is fetched anew each time.
_SPARE = 32 << 20


@cache
def _function(name: str) -> Callable[..., int] | None:
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None  # not glibc
    return found


def hold_little() -> None:
    """To be called before there are threads: with one heap for all of them, none keeps a heap of its own."""
    set_option = _function("mallopt")
    if set_option is not None:
        for option, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _SPARE)):
            set_option(option, value)


def give_back() -> None:
    """Takes some milliseconds, during which other threads go on but for their allocations."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)
