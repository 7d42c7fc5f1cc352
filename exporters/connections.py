"""Connections within limits: how many, and how long and how large the head of a request may be.

Uvicorn waits for ever for a connection that says nothing, or sends its headers one byte at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

# Each may hold what was read from it in one go, a quarter of a megabyte, before anybody has counted that.
MOST_CONNECTIONS = 256
HEAD_SECONDS = 10.0
HEAD_BYTES = 64 << 10
_FULL = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

_Protocol: Any = AutoHTTPProtocol


class GuardedProtocol(_Protocol):  # type: ignore[misc]  # of httptools where that is installed, else of h11
    """Uvicorn's protocol with a limit on connections, and on the time and the size of a request's head."""

    _timer: asyncio.TimerHandle | None = None
    _head = 0

    def one_too_many(self, peer: str) -> None:
        """Called with the address of each sender whose connection is refused."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self.one_too_many(str((transport.get_extra_info("peername") or ("",))[0]))
            transport.write(_FULL)
            transport.close()
        else:
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
            return
        # All of it was part of a head that is not complete yet.
        self._head += len(data)
        if self._head > HEAD_BYTES:
            self._close()
        elif self._timer is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._head = 0
        self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._close)

    def _stop_waiting(self) -> None:
        self._head = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._stop_waiting()
        if not self.transport.is_closing():
            self.transport.close()


def guarded(one_too_many: Callable[[str], None]) -> type[GuardedProtocol]:
    """The protocol, telling ``one_too_many`` the address of each sender whose connection is refused."""

    class Telling(GuardedProtocol):
        def one_too_many(self, peer: str) -> None:
            one_too_many(peer)

    return Telling
