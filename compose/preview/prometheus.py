"""The way to Prometheus: a few reading endpoints and nothing else, with limits, and its failures in words."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx2

if TYPE_CHECKING:
    from collections.abc import Mapping

_POSTABLE = frozenset({"query", "query_range", "query_exemplars", "series", "labels"})
_LABEL_VALUES = re.compile(r"label/[A-Za-z_:][A-Za-z0-9_:]*/values")
_PARAMETERS = frozenset({"query", "start", "end", "step", "time", "match[]", "limit", "timeout", "lookback_delta"})
MAX_REQUEST_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 32 * 1024 * 1024
_CONCURRENT = 8
_TIMEOUT = httpx2.Timeout(30, connect=3)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body as Prometheus writes it."""

    status: int
    body: bytes

    def member(self, name: str) -> Any:
        """``data`` or ``error`` of the body; None where there is none."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return None
        return document.get(name) if isinstance(document, dict) else None


def allows(method: str, path: str) -> bool:
    """Whether ``path``, below /api/v1/, may be asked for with ``method``."""
    if method == "POST":
        return path in _POSTABLE
    return method == "GET" and (path in _POSTABLE or _LABEL_VALUES.fullmatch(path) is not None)


def failure(status: int, kind: str, message: str) -> Answer:
    """An error in the form of Prometheus' own."""
    return Answer(status, json.dumps({"status": "error", "errorType": kind, "error": message}).encode())


class Prometheus:
    """One Prometheus at ``url``. ``transport`` stands in for the network in tests."""

    def __init__(self, url: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.url = _without_credentials(url)
        local = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
        self._client = httpx2.AsyncClient(
            base_url=url.rstrip("/") + "/",
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=not local,  # a proxy from the environment does not know this machine's loopback
        )
        self._slots = asyncio.Semaphore(_CONCURRENT)

    async def close(self) -> None:
        await self._client.aclose()

    async def forward(self, method: str, path: str, query: str) -> Answer:
        """Ask one of the allowed endpoints; ``query`` is urlencoded. Parameters that are not known are dropped."""
        if not allows(method, path):
            return failure(
                403, "forbidden", f"{method} /api/v1/{path} is not passed on: only queries and labels are read here"
            )
        pairs = [pair for pair in parse_qsl(query) if pair[0] in _PARAMETERS]
        return await self._ask(method, f"api/v1/{path}", urlencode(pairs))

    async def get(self, path: str) -> Answer:
        """GET for the server's own use."""
        return await self._ask("GET", path, "")

    async def _ask(self, method: str, path: str, query: str) -> Answer:
        form: Mapping[str, Any] = {}
        if method == "POST":
            form = {"content": query, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
        elif query:
            path = f"{path}?{query}"
        try:
            async with self._slots, self._client.stream(method, path, **form) as response:
                return await _bounded(response, self.url)
        except httpx2.TimeoutException:
            return failure(504, "timeout", f"Prometheus at {self.url} took too long to answer")
        except httpx2.HTTPError as error:
            refused = isinstance(error, httpx2.ConnectError)
            reason = "no connection" if refused else str(error) or type(error).__name__
            return failure(502, "unavailable", f"Prometheus at {self.url} does not answer: {reason}")


async def _bounded(response: httpx2.Response, url: str) -> Answer:
    if "json" not in response.headers.get("content-type", ""):
        message = f"{url} answers with HTTP {response.status_code}, but not as Prometheus does: check --prometheus"
        return failure(502, "unavailable", message)
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            limit = MAX_ANSWER_BYTES // 1024 // 1024
            return failure(
                502, "too_large", f"the answer is larger than {limit} MiB: narrow the query or the time range"
            )
    return Answer(response.status_code, bytes(body))


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
