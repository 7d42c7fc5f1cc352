"""Memory for large bodies is used again, but never while anybody still reads what lies in it."""

from __future__ import annotations

import gc

import numpy as np
import psutil

from modelwatch.exporters.buffers import Buffers

SIZE = 4 << 20


def _address(view: memoryview) -> int:
    return int(np.frombuffer(view, dtype=np.uint8).ctypes.data)


def test_a_buffer_that_nobody_has_is_used_again() -> None:
    buffers = Buffers()
    view = buffers.take(SIZE)
    first = _address(view)
    view.release()
    assert _address(buffers.take(SIZE - 1)) == first


def test_a_part_that_somebody_reads_keeps_the_whole_from_being_overwritten() -> None:
    buffers = Buffers()
    view = buffers.take(SIZE)
    view[:8] = b"12345678"
    numbers = np.frombuffer(view[8:16], dtype=np.uint8)
    part = view[:8]
    view.release()
    del view
    other = buffers.take(SIZE)
    other[:] = bytes(SIZE)
    assert bytes(part) == b"12345678"
    first = _address(part)
    del part, other
    gc.collect()
    third, fourth = buffers.take(SIZE), buffers.take(SIZE)
    assert first not in (_address(third), _address(fourth))
    del numbers
    assert _address(buffers.take(SIZE)) == first


def test_what_is_not_written_takes_no_memory_and_what_is_spare_is_given_back() -> None:
    buffers, process = Buffers(), psutil.Process()
    before = process.memory_info().rss
    views = [buffers.take(64 << 20) for _ in range(10)]
    assert process.memory_info().rss - before < 32 << 20
    views[0][:] = bytes(64 << 20)
    del views[1:]
    buffers.give_back()
    views.clear()
    assert process.memory_info().rss - before > 48 << 20
    buffers.give_back()
    assert process.memory_info().rss - before < 32 << 20


def test_a_larger_body_gets_a_larger_buffer() -> None:
    buffers = Buffers()
    for size in (1, SIZE, 2 * SIZE):
        view = buffers.take(size)
        view[:] = bytes(size)
        assert len(view) == size
