"""The way to another server: bounded in time, number and size, past no proxy, and its failures in words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_ANSWER_BYTES = 32 * 1024 * 1024
_CONCURRENT = 8


class UpstreamError(Exception):
    """Why there is no answer: ``status`` as a gateway would say it, ``kind`` in one word, and a sentence."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content_type: str
    body: bytes


class Upstream:
    """One server, called ``name`` in messages. ``transport`` stands in for the network in tests.

    ``takes`` judges status and content type before the body is read, and raises UpstreamError.
    """

    def __init__(
        self,
        name: str,
        url: str,
        transport: httpx2.AsyncBaseTransport | None = None,
        *,
        seconds: float = 30,
        takes: Callable[[int, str], None] = lambda _status, _type: None,
    ) -> None:
        self.name, self.url, self._takes = name, without_credentials(url), takes
        local = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
        self._client = httpx2.AsyncClient(
            base_url=url.rstrip("/") + "/",
            timeout=httpx2.Timeout(seconds, connect=3),
            transport=transport,
            trust_env=not local,  # a proxy from the environment does not know this machine's loopback
        )
        self._slots = asyncio.Semaphore(_CONCURRENT)

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(self, method: str, path: str, **form: Any) -> Reply:
        """Raises UpstreamError."""
        try:
            async with self._slots, self._client.stream(method, path, **form) as response:
                kind = response.headers.get("content-type", "")
                self._takes(response.status_code, kind)
                return Reply(response.status_code, kind, await self._bounded(response))
        except httpx2.TimeoutException:
            raise UpstreamError(504, "timeout", f"{self.name} at {self.url} took too long to answer") from None
        except httpx2.HTTPError as error:
            refused = isinstance(error, httpx2.ConnectError)
            reason = "no connection" if refused else str(error) or type(error).__name__
            message = f"{self.name} at {self.url} does not answer: {reason}"
            raise UpstreamError(502, "unavailable", message) from error

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        return await self.ask("GET", path, **({"params": dict(params)} if params else {}))

    async def _bounded(self, response: httpx2.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                limit = MAX_ANSWER_BYTES // 1024 // 1024
                raise UpstreamError(
                    502, "too_large", f"the answer is larger than {limit} MiB: narrow the query or the time range"
                )
        return bytes(body)


def without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
