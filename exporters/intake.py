"""Reads request bodies within fixed memory: a limit for each, and one for all that are being read or counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

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


_FULL = "more rows are waiting than fit into memory: send them again later"
_MANY = "more requests are under way than are taken at once: send it again later"
_LATER = {"Retry-After": "1"}


class RefusedError(Exception):
    """A body that is not taken, with the status to answer."""

    def __init__(self, reason: Reason, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reason, self.status, self.message, self.headers = reason, status, message, headers or {}


class Intake:
    """Keeps count of the bytes that all requests hold. For one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._pending = self._requests = 0

    @contextlib.asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The body, counted until the block is left. Raises RefusedError."""
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise RefusedError("compressed", 415, "the body is compressed: send it without Content-Encoding")
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared) > self.limits.body_bytes:
            raise self._too_large()
        if self._requests >= self.limits.requests:
            raise RefusedError("full", 429, _MANY, _LATER)
        held = 0
        chunks: list[bytes] = []
        self._requests += 1
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                async for chunk in request.stream():
                    self._pending += len(chunk)
                    held += len(chunk)
                    if held > self.limits.body_bytes:
                        raise self._too_large()
                    if self._pending > self.limits.pending_bytes:
                        raise RefusedError("full", 429, _FULL, _LATER)
                    chunks.append(chunk)
            whole = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            chunks.clear()
            yield whole
        except TimeoutError:
            message = f"the body did not arrive within {self.limits.body_seconds:g} s"
            raise RefusedError("too_slow", 408, message) from None
        finally:
            self._requests -= 1
            self._pending -= held

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
