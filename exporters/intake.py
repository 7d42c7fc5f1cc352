"""Reads request bodies within fixed memory: a limit for each, and one for all that are being read or counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from modelwatch.exporters.buffers import BUFFERS
from modelwatch.exporters.refusals import Reason


@dataclass(frozen=True, slots=True)
class Limits:
    """``body_bytes`` is for one request, ``pending_bytes`` for all at once, ``requests`` how many there may be at once.

    ``errors`` is how many rejected rows an answer names.
    """

    body_bytes: int = 16 << 20
    pending_bytes: int = 64 << 20
    requests: int = 256
    body_seconds: float = 30.0
    errors: int = 100


# Smaller bodies are not worth a buffer.
_LARGE = 256 << 10
_FULL = "more rows are waiting than fit into memory: send them again later"
_MANY = "more requests are under way than are taken at once: send it again later"
_LATER = {"Retry-After": "1"}


class RefusedError(Exception):
    """A body that is not taken, with the status to answer."""

    def __init__(self, reason: Reason, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reason, self.status, self.message, self.headers = reason, status, message, headers or {}


class _Pieces:
    """A body put together at its end."""

    def __init__(self) -> None:
        self.held = 0
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def whole(self) -> bytes:
        found = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        return found

    def release(self) -> None:
        self._pieces.clear()


class _InPlace:
    """A body of a known size, which is there once."""

    def __init__(self, size: int) -> None:
        self.held = 0
        self._views = [BUFFERS.take(size)]

    def add(self, piece: bytes) -> None:
        """``held`` counts the piece already."""
        room = self._views[0]
        if self.held > len(room):
            raise RefusedError("not_readable", 400, "the body is longer than its Content-Length says")
        room[self.held - len(piece) : self.held] = piece

    def whole(self) -> memoryview:
        self._views.append(self._views[0][: self.held])
        return self._views[-1]

    def release(self) -> None:
        # The thread that counted may hold on to them for a moment, in which the next body would find no room.
        for view in self._views:
            with contextlib.suppress(BufferError):  # somebody reads on: it goes with the last of them
                view.release()


class Intake:
    """Keeps count of the bytes that all requests hold. For one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._pending = self._requests = 0

    @contextlib.asynccontextmanager
    async def body(self, request: Request, in_place: bool = False) -> AsyncIterator[bytes | memoryview]:
        """The body, counted until the block is left. Raises RefusedError.

        With ``in_place``, one that is large and tells its size is a view of memory that is there once.
        """
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise RefusedError("compressed", 415, "the body is compressed: send it without Content-Encoding")
        declared = request.headers.get("content-length", "")
        size = int(declared) if declared.isascii() and declared.isdigit() else 0
        if size > self.limits.body_bytes:
            raise self._too_large()
        if self._requests >= self.limits.requests:
            raise RefusedError("full", 429, _MANY, _LATER)
        found = _InPlace(size) if in_place and size >= _LARGE else _Pieces()
        self._requests += 1
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                async for chunk in request.stream():
                    self._pending += len(chunk)
                    found.held += len(chunk)
                    if found.held > self.limits.body_bytes:
                        raise self._too_large()
                    if self._pending > self.limits.pending_bytes:
                        raise RefusedError("full", 429, _FULL, _LATER)
                    found.add(chunk)
            yield found.whole()
        except TimeoutError:
            message = f"the body did not arrive within {self.limits.body_seconds:g} s"
            raise RefusedError("too_slow", 408, message) from None
        finally:
            self._requests -= 1
            self._pending -= found.held
            found.release()

    def _too_large(self) -> RefusedError:
        limit = self.limits.body_bytes
        return RefusedError("too_large", 413, f"the body is larger than {limit} bytes: send fewer rows at once")

    async def drain(self, request: Request) -> None:
        """Read and forget the rest of a refused body: a sender that is cut off would never see the answer."""
        left = self.limits.body_bytes * 4
        with contextlib.suppress(TimeoutError, ClientDisconnect, RuntimeError):
            async with asyncio.timeout(5):
                async for chunk in request.stream():
                    left -= len(chunk)
                    if left < 0:
                        return
