"""A part of a model's two vectors: of whole numbers (counts) and of real ones (sums)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the two vectors. Counts are carried over to another layout where name and signature are the same."""

    name: str
    signature: str
    start: int
    width: int
    float_start: int
    float_width: int
