"""What a vector is over: its blocks and the windows it is summed in. And how to get from one to another.

Where the layout of a model, or what was counted of a request, is asked, it is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.blocks import Block
from modelwatch.exporters.counting import Counted
from modelwatch.exporters.layout import Layout
from modelwatch.exporters.packed import Packed, pack, unpacked

_Number = TypeVar("_Number", np.int64, np.float64)


@dataclass(frozen=True)
class Shape:
    """``windows`` are lengths in milliseconds. Two shapes are equal where vectors and windows mean the same."""

    blocks: tuple[Block, ...]
    windows: tuple[int, ...]

    @cached_property
    def width(self) -> int:
        return sum(block.width for block in self.blocks)

    @cached_property
    def float_width(self) -> int:
        return sum(block.float_width for block in self.blocks)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        blocks = [[b.name, b.signature, b.start, b.width, b.float_start, b.float_width] for b in self.blocks]
        return {"blocks": blocks, "windows": list(self.windows)}

    @classmethod
    def of_plain(cls, found: Any) -> Shape:
        """Raises ValueError, KeyError or TypeError."""
        shape = cls(tuple(Block(*block) for block in found["blocks"]), tuple(map(int, found["windows"])))
        start = float_start = 0
        for block in shape.blocks:
            if (block.start, block.float_start) != (start, float_start) or block.width < 0 or block.float_width < 0:
                raise ValueError("has blocks that do not follow one another")
            start, float_start = start + block.width, float_start + block.float_width
        if len(set(shape.windows)) != len(shape.windows) or any(window <= 0 for window in shape.windows):
            raise ValueError("has windows that are none")
        return shape


def shape_of(layout: Layout) -> Shape:
    return Shape(layout.blocks, tuple(window.milliseconds for window in layout.windows))


class Delta(NamedTuple):
    """What one request adds. ``reasons`` counts rejected rows; ``newest`` is the latest time a row said it is of."""

    counts: Packed
    sums: Packed
    accepted: int
    reasons: dict[str, int]
    newest: float | None

    @property
    def empty(self) -> bool:
        return not self.accepted and not self.reasons


def delta_of(counted: Counted) -> Delta:
    reasons: dict[str, int] = {}
    for error in counted.errors.values():
        reasons[error.reason] = reasons.get(error.reason, 0) + 1
    return Delta(
        pack(counted.counts),
        pack(counted.sums),
        counted.accepted,
        reasons,
        counted.newest,
    )


@dataclass(frozen=True)
class Move:
    """Takes vectors over ``old`` to vectors over ``new``: blocks of the same name and signature; the rest is 0."""

    old: Shape
    new: Shape
    _pairs: list[tuple[Block, Block]] = field(init=False)

    def __post_init__(self) -> None:
        known = {(b.name, b.signature, b.width, b.float_width): b for b in self.old.blocks}
        pairs = [(known.get((b.name, b.signature, b.width, b.float_width)), b) for b in self.new.blocks]
        object.__setattr__(self, "_pairs", [(old, new) for old, new in pairs if old is not None])

    def counts(self, vector: NDArray[np.int64]) -> NDArray[np.int64]:
        spans = (((a.start, b.start, b.width)) for a, b in self._pairs)
        return _moved(vector, np.zeros(self.new.width, dtype=np.int64), spans)

    def sums(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        spans = (((a.float_start, b.float_start, b.float_width)) for a, b in self._pairs)
        return _moved(vector, np.zeros(self.new.float_width), spans)

    def packed(self, counts: Packed, sums: Packed) -> tuple[Packed, Packed]:
        return pack(self.counts(unpacked(counts, np.int64))), pack(self.sums(unpacked(sums, np.float64)))


def _moved(
    source: NDArray[_Number], target: NDArray[_Number], spans: Iterable[tuple[int, int, int]]
) -> NDArray[_Number]:
    for old, new, width in spans:
        target[new : new + width] = source[old : old + width]
    return target
