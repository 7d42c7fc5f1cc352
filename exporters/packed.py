"""A vector in few bytes: what one request adds, or what one slot of a window holds. In memory and on disk alike.

Either every place (dense) or only those that are not 0 (sparse), whichever is shorter and quicker to add, in the
narrowest type that holds the values: 45 of 10,000 places take 135 bytes, 10,000 places of up to 255 take 10 kB.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.int64] | NDArray[np.float64]
_Number = TypeVar("_Number", np.int64, np.float64)

_PLACES = (np.dtype("<u2"), np.dtype("<u4"))
# Counts are never negative; the widest type holds whatever an int64 does.
_VALUES = (np.dtype("<u1"), np.dtype("<u2"), np.dtype("<u4"), np.dtype("<i8"), np.dtype("<f8"))
_DENSE, _FLOATS = 255, 4
_MOST = (0xFF, 0xFFFF, 0xFFFFFFFF)
# Of many places, adding so many times fewer one by one takes as long as adding all.
_MANY, _QUICKER = 512, 8
# Type of the places (or _DENSE), type of the values, how many.
_HEAD = struct.Struct("<BBI")


class Packed(NamedTuple):
    """``places`` are None where every place has a value; otherwise they ascend."""

    width: int
    places: NDArray[Any] | None
    values: NDArray[Any]

    @property
    def empty(self) -> bool:
        return len(self.values) == 0

    def add_to(self, vectors: NDArray[Any]) -> None:
        """Add to a vector, shape (width,), or to each row of (n, width)."""
        if self.places is None:
            vectors += self.values
            return
        # One conversion, and one row after the other: half the time of vectors[..., self.places] += self.values.
        places, values = self.places.astype(np.intp), self.values.astype(vectors.dtype)
        for row in vectors if vectors.ndim > 1 else (vectors,):
            row[places] += values

    def take_from(self, vector: NDArray[np.int64]) -> None:
        """Subtract from a vector, shape (width,)."""
        if self.places is None:
            vector -= self.values
        else:
            vector[self.places] -= self.values


def pack(vector: Vector) -> Packed:
    """``vector``, shape (width,), int64 or float64; nothing of it is kept."""
    width = len(vector)
    # Ten times as fast as np.flatnonzero(vector), which looks at whole numbers one by one.
    places = (vector != 0).nonzero()[0]
    values = vector[places]
    code = _code(values)
    place = 0 if width <= 0x10000 else 1
    shorter = len(places) * (_PLACES[place].itemsize + _VALUES[code].itemsize) < width * _VALUES[code].itemsize
    if not shorter or (len(places) > _MANY and len(places) * _QUICKER > width):
        return Packed(width, None, vector.astype(_VALUES[code]))
    return Packed(width, places.astype(_PLACES[place]), values.astype(_VALUES[code], copy=False))


def _code(values: Vector) -> int:
    if values.dtype == np.float64:
        return _FLOATS
    # What is negative is very large without its sign, so it needs the widest type.
    largest = int(values.view(np.uint64).max()) if len(values) else 0
    return next((code for code, most in enumerate(_MOST) if largest <= most), 3)


def to_bytes(packed: Packed) -> bytes:
    value = _VALUES.index(packed.values.dtype)
    if packed.places is None:
        return _HEAD.pack(_DENSE, value, packed.width) + packed.values.tobytes()
    place = _PLACES.index(packed.places.dtype)
    return _HEAD.pack(place, value, len(packed.values)) + packed.places.tobytes() + packed.values.tobytes()


def from_bytes(content: bytes, at: int, width: int) -> tuple[Packed, int]:
    """What ``to_bytes`` wrote at ``at``, and where it ends. Raises ValueError: of another width, or no such thing."""
    try:
        place, value, size = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        places = None
        if place == _DENSE:
            if size != width:
                raise ValueError(f"a vector of {size} places where {width} are expected")
        else:
            places = np.frombuffer(content, _PLACES[place], size, at).copy()
            at += places.nbytes
            if size and int(places[-1]) >= width:
                raise ValueError(f"place {int(places[-1])} in a vector of {width}")
        values = np.frombuffer(content, _VALUES[value], size, at).copy()
    except (struct.error, IndexError) as error:
        raise ValueError(f"no packed vector: {error}") from None
    return Packed(width, places, values), at + values.nbytes


def unpacked(packed: Packed, kind: type[_Number]) -> NDArray[_Number]:
    """The vector, shape (width,)."""
    found = np.zeros(packed.width, dtype=kind)
    packed.add_to(found)
    return found
