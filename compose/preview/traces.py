"""The pages of traces: lists of those worth a look, one drawn as a waterfall, and what to do where there are none."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from modelwatch.compose.preview import exemplars, linked, pages, timerange
from modelwatch.compose.preview.jaeger import KINDS, SHOWN, Jaeger, Kind
from modelwatch.compose.preview.upstream import UpstreamError
from modelwatch.compose.preview.waterfall import Waterfall, waterfall
from modelwatch.telemetry import boards as B
from modelwatch.telemetry import spans as S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from modelwatch.compose.preview.boards import Snapshot
    from modelwatch.compose.preview.loglines import Archive
    from modelwatch.compose.preview.prometheus import Prometheus
    from modelwatch.compose.preview.runbooks import Runbooks
    from modelwatch.compose.preview.spans import Span

_ID = re.compile(r"[0-9a-fA-F]{16}|[0-9a-fA-F]{32}")
_BY_NAME = {kind.name: kind for kind in KINDS}
# The board opens on a little more than the request itself.
_AROUND_MS = 15 * 60 * 1000
# Every page waits for the status, to tell what fires.
_STATE_SECONDS = 2
NO_TRACES = (
    "This preview knows of no Jaeger. Start it with --traces http://127.0.0.1:16686; "
    "modelwatch up does so where the stack sends traces to a Jaeger of its own."
)


class TracePages:
    def __init__(
        self,
        jaeger: Jaeger | None,
        prometheus: Prometheus,
        snapshot: Callable[[], Awaitable[Snapshot]],
        runbooks: Runbooks,
        archive: Archive | None = None,
    ) -> None:
        self._jaeger, self._prometheus, self._snapshot = jaeger, prometheus, snapshot
        self._runbooks, self._archive = runbooks, archive

    async def index(self, request: Request) -> Response:
        """One model's traces; without a model in the address, the first one's."""
        jaeger, asked = self._there(), request.query_params
        kind = _BY_NAME.get(asked.get("kind", KINDS[0].name))
        if kind is None:
            known = ", ".join(_BY_NAME)
            raise HTTPException(400, f"There is no list {asked['kind']!r}; there are {known}.")
        try:
            range_ = timerange.parse(
                asked.get("from", timerange.DEFAULT), asked.get("to", "now"), int(time.time() * 1000)
            )
        except ValueError as error:
            raise HTTPException(400, f"{error}.") from error
        try:
            models = await jaeger.models()
            specs = await asyncio.to_thread(self._runbooks.models)
            model = asked.get("model") or next(iter(models), "")
            listed, (slow, problem) = await asyncio.gather(
                jaeger.traces(models.get(model, ()), kind, range_),
                exemplars.slowest(self._prometheus, model, range_),
            )
        except UpstreamError as error:
            return _away(error, jaeger)
        # Without runbooks nobody here knows which models have a spec.
        absent = bool(specs) and bool(model) and model not in {*specs, *models}
        return HTMLResponse(
            pages.traces(
                model=model,
                known=model in models,
                absent=absent,
                others=[(name, _address(name, kind, range_)) for name in sorted({*specs, *models})],
                kinds=[(each, _address(model, each, range_)) for each in KINDS],
                kind=kind,
                models=[(name, _address(name, kind, range_)) for name in models],
                ranges=[
                    (text, _address(model, kind, {"from": start, "to": "now"}), range_.asked == (start, "now"))
                    for start, text in timerange.CHOICES
                ],
                range=range_,
                rows=listed.rows,
                longest=max((row.duration for row in listed.rows), default=0),
                more=listed.more,
                most=SHOWN,
                exemplars=slow,
                exemplars_problem=problem,
                board="" if absent else await self._board(model, range_.asked),
            ),
            404 if absent else 200,
        )

    async def trace(self, request: Request) -> Response:
        jaeger, trace = self._there(), request.path_params["trace"]
        if not _ID.fullmatch(trace):
            raise HTTPException(400, f"{trace[:80]!r} is no trace's id: that is 32 digits of 0-9 and a-f.")
        whole = trace.lower().zfill(32)
        if trace != whole:
            return RedirectResponse(f"/traces/{whole}")
        try:
            spans = await jaeger.trace(trace)
        except UpstreamError as error:
            return _away(error, jaeger)
        if not spans:
            return HTMLResponse(pages.trace_forgotten(trace), 404)
        drawn = await asyncio.to_thread(waterfall, spans)
        main = _main(drawn, spans)
        model = str(main.attributes.get(S.MODEL_NAME.key, ""))
        window = (str(drawn.start // 10**6 - _AROUND_MS), str(drawn.end // 10**6 + _AROUND_MS))
        board = await self._board(model, window) if model else ""
        lines = await asyncio.to_thread(self._archive.of, trace) if self._archive else None
        links = await linked.follow(jaeger, spans, drawn)
        return HTMLResponse(
            pages.trace(trace=trace, drawn=drawn, main=main, model=model, board=board, lines=lines, linked=links)
        )

    async def state(self) -> dict[str, Any] | None:
        """For the status: is Jaeger there? None where there is to be none."""
        if self._jaeger is None:
            return None
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                await self._jaeger.services()
        except UpstreamError as error:
            return {"url": self._jaeger.url, "up": False, "error": str(error)}
        except TimeoutError:
            slow = f"Jaeger at {self._jaeger.url} took longer than {_STATE_SECONDS} s to answer"
            return {"url": self._jaeger.url, "up": False, "error": slow}
        return {"url": self._jaeger.url, "up": True, "error": None}

    def _there(self) -> Jaeger:
        if self._jaeger is None:
            raise HTTPException(404, NO_TRACES)
        return self._jaeger

    async def _board(self, model: str, window: tuple[str, str]) -> str:
        board = (await self._snapshot()).boards.get(B.MODEL.uid)
        if board is None or not model:
            return ""
        return f"{board.path}?{urlencode({'var-model': model, 'from': window[0], 'to': window[1]})}"


def _address(model: str, kind: Kind, range_: timerange.TimeRange | Mapping[str, str]) -> str:
    times = range_.query if isinstance(range_, timerange.TimeRange) else range_
    return f"/traces?{urlencode({'model': model, 'kind': kind.name, **times})}"


def _main(drawn: Waterfall, spans: tuple[Span, ...]) -> Span:
    """The request or batch that the trace is about: the longest one, else its root."""
    answered = [span for span in spans if S.OUTCOME.key in span.attributes]
    return max(answered, key=lambda span: span.duration, default=drawn.root)


def _away(error: UpstreamError, jaeger: Jaeger) -> Response:
    return HTMLResponse(pages.traces_away(error.kind, str(error), jaeger.url), error.status)
