"""The draws of many rows at once: of those with an id as ``keyed`` says, of the others by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.sampling.keyed import LONG_ID, draw, id_bytes

Draws = NDArray[np.float64]
_TEXTS, _NUMBERS = frozenset((str,)), frozenset((int,))


def draws(ids: Sequence[object] | None, rows: int, key: int, random: np.random.Generator) -> Draws:
    """One number from [0, 1) for each row, shape (rows,)."""
    if ids is None:
        return random.random(rows)
    kinds = set(map(type, ids))
    if kinds == _NUMBERS:
        ids = list(map(str, ids))
        kinds = {str}
    if kinds <= _TEXTS:
        try:
            return _drawn(np.array(ids, dtype=np.bytes_), np.fromiter(map(len, ids), np.int64, rows), ids, key, random)  # type: ignore[arg-type]  # all are texts by now
        except UnicodeEncodeError:
            pass  # More bytes than characters: each is encoded below.
    return _one_by_one(ids, key, random)


def _drawn(
    texts: NDArray[np.bytes_], lengths: NDArray[np.int64], ids: Sequence[object], key: int, random: np.random.Generator
) -> Draws:
    # A single long one would make the table of bytes as wide for all.
    if texts.itemsize > LONG_ID:
        return _one_by_one(ids, key, random)
    width = -(-max(texts.itemsize, 1) // 8)
    words = texts.astype(f"S{width * 8}").view("<u8").reshape(len(texts), width)
    state = _mixed(np.uint64(key) + lengths.astype(np.uint64))
    shortest = int(lengths.min(initial=LONG_ID))
    for word in range(width):
        mixed = _mixed(state ^ words[:, word])
        state = mixed if shortest > word * 8 else np.where(lengths > word * 8, mixed, state)
    found = _unit(state)
    if not shortest:
        empty = lengths == 0
        found[empty] = random.random(int(empty.sum()))
    return found


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """As ``keyed.mix``; products wrap around."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _unit(values: NDArray[np.uint64]) -> Draws:
    found: Draws = (values >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found


def _one_by_one(ids: Sequence[object], key: int, random: np.random.Generator) -> Draws:
    found = random.random(len(ids))
    for row, value in enumerate(ids):
        data = id_bytes(value)
        if data is not None:
            found[row] = draw(data, key)
    return found
