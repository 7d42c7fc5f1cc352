"""Texts as Arrow stores them, end to end with the place where each begins, as codes and distinct texts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
_WORD = np.dtype("<u8")
# Longer texts are looked up one by one.
_LONGEST = 16
_BITS = 14
# What is worked out at once stays in the processor's cache.
_AT_ONCE = 8192
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], dtype=_WORD)
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))


class DamagedTextsError(ValueError):
    """Texts that do not lie where they say."""


def texts(offsets: NDArray[np.signedinteger], data: memoryview) -> tuple[str, ...]:
    """Every text, in order. Raises DamagedTextsError and UnicodeDecodeError."""
    ends = _checked(offsets, data).tolist()
    content = bytes(data)
    return tuple(content[start:end].decode() for start, end in pairwise(ends))


def encoded(offsets: NDArray[np.signedinteger], data: memoryview) -> tuple[Codes, tuple[str, ...]]:
    """The place of each text among the distinct ones. Raises DamagedTextsError and UnicodeDecodeError."""
    starts = _checked(offsets, data)
    # Followed by some bytes, so that a word may be read from the last place on.
    content = bytes(data) + bytes(_LONGEST)
    known: dict[bytes, int] = {}
    codes = np.empty(max(len(starts) - 1, 0), dtype=np.int64)
    for begin in range(0, len(codes), _AT_ONCE):
        some = starts[begin : begin + _AT_ONCE + 1]
        found = _by_hash(some, content)
        if found is None:
            codes[begin : begin + _AT_ONCE] = [
                known.setdefault(content[start:end], len(known)) for start, end in pairwise(some.tolist())
            ]
            continue
        places, first = found
        words = (content[some[row] : some[row + 1]] for row in first.tolist())
        codes[begin : begin + _AT_ONCE] = np.array([known.setdefault(word, len(known)) for word in words])[places]
    return codes, tuple(word.decode() for word in known)


def _checked(offsets: NDArray[np.signedinteger], data: memoryview) -> Codes:
    starts = offsets.astype(np.int64)
    if len(starts) and (starts[0] < 0 or starts[-1] > len(data) or (np.diff(starts) < 0).any()):
        raise DamagedTextsError("its texts do not lie one after another")
    return starts


def _by_hash(starts: Codes, content: bytes) -> tuple[Codes, Codes] | None:
    """Codes, and the row where each distinct text is found; None where two texts share a hash, or one is long."""
    sizes = np.diff(starts)
    longest = int(sizes.max())
    if longest > _LONGEST:
        return None
    starts = starts[:-1]
    # The eight bytes from each byte on.
    words = np.ndarray(len(content) - 7, dtype=_WORD, buffer=content, strides=(1,))
    keys = [words[starts] & _MASKS.take(np.minimum(sizes, 8))]
    if longest > 8:
        keys.append(words[starts + 8] & _MASKS.take(np.maximum(sizes - 8, 0)))
    if longest % 8:
        # There is room for the size, which tells texts with zeros at their end apart.
        keys[-1] |= sizes.view(_WORD) << np.uint64(56)
    else:
        keys.append(sizes.view(_WORD))
    mixed = keys[0] * _MIX[0]
    for key, factor in zip(keys[1:], _MIX[1:], strict=False):
        mixed ^= mixed >> np.uint64(29)
        mixed ^= key
        mixed *= factor
    hashes = (mixed >> np.uint64(64 - _BITS)).astype(np.intp)
    rows = np.arange(len(starts))
    chosen = np.empty(1 << _BITS, dtype=np.int64)
    # Of rows with one hash one stays.
    chosen[hashes] = rows
    same = chosen[hashes]
    if any((key != key[same]).any() for key in keys):
        return None
    first = np.flatnonzero(same == rows)
    places = np.empty(len(starts), dtype=np.int64)
    places[first] = np.arange(len(first))
    return places[same], first
