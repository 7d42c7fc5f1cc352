"""Texts as Arrow stores them, end to end with the place where each begins, as codes and distinct texts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
_WORD = np.dtype("<u8")
# Longer texts are looked up one by one.
_LONGEST = 16
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
    sizes = np.diff(starts)
    if not len(sizes):
        return np.empty(0, dtype=np.int64), ()
    found = _by_hash(starts[:-1], sizes, data) if sizes.max() <= _LONGEST else None
    codes, first = _one_by_one(starts, data) if found is None else found
    content = bytes(data)
    distinct = tuple(content[starts[i] : starts[i + 1]].decode() for i in first.tolist())
    return codes, distinct


def _checked(offsets: NDArray[np.signedinteger], data: memoryview) -> Codes:
    starts = offsets.astype(np.int64)
    if len(starts) and (starts[0] < 0 or starts[-1] > len(data) or (np.diff(starts) < 0).any()):
        raise DamagedTextsError("its texts do not lie one after another")
    return starts


def _by_hash(starts: Codes, sizes: Codes, data: memoryview) -> tuple[Codes, Codes] | None:
    """Codes, and the row where each distinct text is first found; None where two texts share a hash."""
    padded = np.concatenate([np.frombuffer(data, dtype=np.uint8), np.zeros(_LONGEST, dtype=np.uint8)])
    # The eight bytes from each byte on.
    words = np.ndarray(len(padded) - 7, dtype=_WORD, buffer=padded, strides=(1,))
    keys = [words[starts] & _MASKS[np.minimum(sizes, 8)]]
    if sizes.max() > 8:
        keys.append(words[starts + 8] & _MASKS[np.clip(sizes - 8, 0, 8)])
    keys.append(sizes.astype(_WORD))
    mixed = np.zeros(len(starts), dtype=_WORD)
    for key, factor in zip(keys, _MIX, strict=False):
        mixed ^= key
        mixed *= factor
        mixed ^= mixed >> np.uint64(29)
    hashes = (mixed >> np.uint64(48)).astype(np.intp)
    chosen = np.zeros(1 << 16, dtype=np.int64)
    # Of rows with one hash the last stays.
    chosen[hashes] = np.arange(len(starts))
    rows = chosen[hashes]
    if any((key != key[rows]).any() for key in keys):
        return None
    first = np.flatnonzero(rows == np.arange(len(starts)))
    places = np.zeros(len(starts), dtype=np.int64)
    places[first] = np.arange(len(first))
    return places[rows], first


def _one_by_one(starts: Codes, data: memoryview) -> tuple[Codes, Codes]:
    content, ends = bytes(data), starts.tolist()
    known: dict[bytes, int] = {}
    first: list[int] = []
    codes = np.empty(len(ends) - 1, dtype=np.int64)
    for row, (start, end) in enumerate(pairwise(ends)):
        text = content[start:end]
        code = known.get(text)
        if code is None:
            code = known[text] = len(first)
            first.append(row)
        codes[row] = code
    return codes, np.array(first, dtype=np.int64)
