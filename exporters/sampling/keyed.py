"""The draw that an id decides: the same number wherever it is computed, so that all keep the same rows.

In any language: ``key`` is the first 8 bytes, little-endian, of the SHA-256 of ``modelwatch.sampling/1``, a zero byte
and the model's name. ``h = mix(key + length)``, where length is that of the id in bytes of UTF-8; then for every 8
bytes of it, little-endian and filled up with zeros, ``h = mix(h xor word)``. All is modulo 2^64. The draw is the upper
53 bits of h, divided by 2^53. ``mix`` is the finaliser of SplitMix64. None of it is secret: who picks ids picks draws.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

_WORD = (1 << 64) - 1
LONG_ID = 64


@lru_cache(maxsize=1024)
def key_of(model: str) -> int:
    return int.from_bytes(hashlib.sha256(b"modelwatch.sampling/1\0" + model.encode()).digest()[:8], "little")


def mix(value: int) -> int:
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _WORD
    return value ^ (value >> 31)


def draw(data: bytes, key: int) -> float:
    """From 0 up to, not including, 1."""
    state = mix((key + len(data)) & _WORD)
    for start in range(0, len(data), 8):
        state = mix(state ^ int.from_bytes(data[start : start + 8], "little"))
    return (state >> 11) / (1 << 53)


def id_bytes(value: object) -> bytes | None:
    """What is hashed of an id: of a text its UTF-8, of a whole number its digits; None for what is no id."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass") or None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64:
        return str(value).encode()
    return None


def draw_of(value: str | int, model: str) -> float:
    """The draw of one row of ``model``, for services: a row with this id is kept where it is below the probability."""
    data = id_bytes(value)
    if data is None:
        raise ValueError(f"{value!r} is no id: it must be a text or a whole number")
    return draw(data, key_of(model))
