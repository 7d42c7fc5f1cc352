"""Memory for large bodies, from the operating system, used again and given back.

A body that is put together from its pieces is there twice. On the heap, what is allocated after it keeps its place from
being used for the next one. And memory that is fetched anew costs more than reading the body: 1 us a KiB.
"""

from __future__ import annotations

import mmap
import weakref

import numpy as np

# So many are kept for the next bodies.
_SPARE = 2


class Buffers:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._spare: list[mmap.mmap] = []

    def take(self, size: int) -> memoryview:
        """Writable, with anything in it. It is used again once nobody has the view, nor what was read where it lies.

        What is not written takes no memory.
        """
        block = self._of(size)
        owner = np.frombuffer(block, dtype=np.uint8, count=size)
        # Every view, of a part too and through numpy, holds the owner.
        weakref.finalize(owner, self._keep, block).atexit = False
        return owner.data

    def give_back(self) -> None:
        """Give what nobody uses back to the operating system."""
        self._spare.clear()

    def _of(self, size: int) -> mmap.mmap:
        try:
            block = self._spare.pop()
        except IndexError:
            block = None
        # A smaller one goes: it would be in the way of each larger body from now on.
        if block is None or len(block) < size:
            block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return block

    def _keep(self, block: mmap.mmap) -> None:
        if len(self._spare) < _SPARE:
            self._spare.append(block)


BUFFERS = Buffers()
