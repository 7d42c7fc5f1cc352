"""The way to Prometheus: a few reading endpoints and nothing else, with limits, and its failures in words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from modelwatch.compose.preview.upstream import Upstream, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

_POSTABLE = frozenset({"query", "query_range", "query_exemplars", "series", "labels"})
_LABEL_VALUES = re.compile(r"label/[A-Za-z_:][A-Za-z0-9_:]*/values")
_PARAMETERS = frozenset({"query", "start", "end", "step", "time", "match[]", "limit", "timeout", "lookback_delta"})
MAX_REQUEST_BYTES = 64 * 1024


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
        self._upstream = Upstream("Prometheus", url, transport, takes=self._takes)
        self.url = self._upstream.url

    async def close(self) -> None:
        await self._upstream.close()

    async def forward(self, method: str, path: str, query: str) -> Answer:
        """Ask one of the allowed endpoints; ``query`` is urlencoded. Parameters that are not known are dropped."""
        if not allows(method, path):
            return failure(
                403, "forbidden", f"{method} /api/v1/{path} is not passed on: only queries and labels are read here"
            )
        pairs = [pair for pair in parse_qsl(query) if pair[0] in _PARAMETERS]
        return await self._ask(method, f"api/v1/{path}", urlencode(pairs))

    async def get(self, path: str, query: str = "") -> Answer:
        """GET for the server's own use; ``query`` is urlencoded."""
        return await self._ask("GET", path, query)

    async def _ask(self, method: str, path: str, query: str) -> Answer:
        form: Mapping[str, Any] = {}
        if method == "POST":
            form = {"content": query, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
        elif query:
            path = f"{path}?{query}"
        try:
            reply = await self._upstream.ask(method, path, **form)
        except UpstreamError as error:
            return failure(error.status, error.kind, str(error))
        return Answer(reply.status, reply.body)

    def _takes(self, status: int, content_type: str) -> None:
        if "json" not in content_type:
            message = f"{self.url} answers with HTTP {status}, but not as Prometheus does: check --prometheus"
            raise UpstreamError(502, "unavailable", message)
