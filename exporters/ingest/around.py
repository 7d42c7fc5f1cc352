"""What of a JSON body stands around the texts in it that are parsed on their own."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import orjson


def check_around(body: bytes, texts: Iterable[msgspec.Raw]) -> None:
    """Raises JSONDecodeError where ``body`` would be no JSON even if each of ``texts``, which lie in it, were some.

    Who takes ``texts`` out looks at nothing else: not at names, nor at what is not asked for or comes twice.
    """
    view, start, done = memoryview(body), _address(body), 0
    pieces = []
    for at, size in sorted((_address(text) - start, memoryview(text).nbytes) for text in texts):
        pieces.append(view[done:at])
        done = at + size
    orjson.loads(b"0".join([*pieces, view[done:]]))


def _address(data: bytes | msgspec.Raw) -> int:
    found: int = np.frombuffer(data, dtype=np.uint8).__array_interface__["data"][0]
    return found
