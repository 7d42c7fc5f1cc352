"""The way to Jaeger: which models have traces, a list of them, and one whole.

One trace, services and operations come from the documented API v3. Searching does not: over HTTP, v3 takes no
attributes, so lists are asked for at ``/api/traces``, as Jaeger's own page and Grafana do.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelwatch.compose.preview import found, spans
from modelwatch.compose.preview.upstream import Upstream, UpstreamError
from modelwatch.telemetry import spans as S

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from modelwatch.compose.preview.timerange import TimeRange

# Answers of more come slowly, and nobody reads them.
_SEARCHED = 200
SHOWN = 50
_ROUNDS = 8
_MOST_SERVICES = 50
_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of list: its name in the address, the words for it, and the attributes that its traces have."""

    name: str
    title: str
    says: str
    tags: Mapping[str, str]
    keep: str = ""
    """What ``tracing.keep`` of a spec calls them, where such a list is as empty as all is well."""


KINDS = (
    Kind("slowest", "Slowest", "the longest requests first", {}),
    Kind("failed", "Failed", "requests that ended in an error, newest first", {S.OUTCOME.key: "error"}, "errors"),
    Kind(
        "unsure", "Unsure", "answers of low confidence, newest first", {S.LOW_CONFIDENCE.key: "true"}, "low_confidence"
    ),
    Kind(
        "drifted",
        "Drifted",
        "requests that the service marks as drifted, newest first",
        {S.DRIFTED.key: "true"},
        "drifted",
    ),
    Kind("latest", "Latest", "all that were kept, newest first", {}),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """``more``: there are others that are not in ``rows``."""

    rows: tuple[found.Found, ...]
    more: bool


class Jaeger:
    """One Jaeger at ``url``. ``transport`` stands in for the network in tests. Every call may raise UpstreamError."""

    def __init__(self, url: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._upstream = Upstream("Jaeger", url, transport, seconds=_SECONDS)
        self.url = self._upstream.url

    async def close(self) -> None:
        await self._upstream.close()

    async def services(self) -> list[str]:
        listed = (await self._json("api/v3/services")).get("services")
        return sorted(str(name) for name in listed) if isinstance(listed, list) else []

    async def models(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Model -> the (service, operation) pairs under which its requests and its batches are found."""
        services = (await self.services())[:_MOST_SERVICES]
        answers = await asyncio.gather(*(self._json("api/v3/operations", {"service": name}) for name in services))
        models: dict[str, set[tuple[str, str]]] = {}
        for service, answer in zip(services, answers, strict=True):
            for operation in spans.dicts(answer.get("operations")):
                name = str(operation.get("name", ""))
                kind, _, model = name.partition(" ")
                if kind in (S.INFERENCE_SPAN, S.BATCH_SPAN) and model:
                    models.setdefault(model, set()).add((service, name))
        return {model: tuple(sorted(pairs)) for model, pairs in sorted(models.items())}

    async def trace(self, trace: str) -> tuple[spans.Span, ...]:
        """Its spans; none where Jaeger has no such trace."""
        return await asyncio.to_thread(spans.read, await self._json(f"api/v3/traces/{trace}"))

    async def traces(self, pairs: tuple[tuple[str, str], ...], kind: Kind, range_: TimeRange) -> Listed:
        search = self._slowest if kind.name == "slowest" else self._newest
        lists = await asyncio.gather(*(search(pair, kind, range_) for pair in pairs))
        rows = found.merged(lists)
        rows.sort(key=lambda row: (-row.duration if kind.name == "slowest" else -row.start, row.trace))
        return Listed(tuple(rows[:SHOWN]), len(rows) > SHOWN)

    async def _newest(self, pair: tuple[str, str], kind: Kind, range_: TimeRange) -> tuple[found.Found, ...]:
        return await self._search(pair, kind, range_, SHOWN + 1)

    async def _slowest(self, pair: tuple[str, str], kind: Kind, range_: TimeRange) -> tuple[found.Found, ...]:
        """Jaeger sorts by nothing but time: ask for ever longer ones until all that are as long fit into one answer."""
        at_least = 0
        rows: tuple[found.Found, ...] = ()
        for _ in range(_ROUNDS):
            rows = await self._search(pair, kind, range_, _SEARCHED, at_least)
            if len(rows) < _SEARCHED:
                break
            longest = sorted((row.duration for row in rows), reverse=True)[SHOWN]
            if longest <= at_least:
                break
            at_least = longest
        return rows

    async def _search(
        self, pair: tuple[str, str], kind: Kind, range_: TimeRange, limit: int, at_least: int = 0
    ) -> tuple[found.Found, ...]:
        service, operation = pair
        asked = {
            "service": service,
            "operation": operation,
            "tags": json.dumps(kind.tags),
            "start": str(range_.start * 1000),
            "end": str(range_.end * 1000),
            "limit": str(limit),
            **({"minDuration": f"{at_least // 1000}us"} if at_least else {}),
        }
        answer = await self._json("api/traces", asked)
        return await asyncio.to_thread(found.read, answer, operation, kind.tags)

    async def _json(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """An empty document for what is not there. Jaeger calls its JSON text, so only reading it tells."""
        reply = await self._upstream.get(path, params)
        try:
            document = await asyncio.to_thread(json.loads, reply.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or (reply.status == 404 and "error" not in document):
            message = f"{self.url} answers with HTTP {reply.status}, but not as Jaeger does: check --traces"
            raise UpstreamError(502, "unavailable", message)
        if reply.status == 404:
            return {}
        if reply.status != 200:
            raise UpstreamError(502, "refused", f"Jaeger at {self.url} refuses: {_reason(document)}")
        return document


def _reason(document: Mapping[str, Any]) -> str:
    error, errors = document.get("error"), document.get("errors")
    if isinstance(error, dict):
        return str(error.get("message", ""))
    first = errors[0] if isinstance(errors, list) and errors else {}
    return str(first.get("msg", "") if isinstance(first, dict) else first)
