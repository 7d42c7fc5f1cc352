"""The preview as an ASGI application: addresses in, pages and JSON out."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from modelwatch.compose.preview import pages
from modelwatch.compose.preview.boards import Board, Boards, Snapshot
from modelwatch.compose.preview.guard import Guard
from modelwatch.compose.preview.jaeger import Jaeger
from modelwatch.compose.preview.loglines import Archive
from modelwatch.compose.preview.prometheus import MAX_REQUEST_BYTES, Prometheus
from modelwatch.compose.preview.runbooks import Runbooks
from modelwatch.compose.preview.status import status as status_of
from modelwatch.compose.preview.traces import TracePages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2
    from starlette.requests import Request

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Settings:
    """``scrape_interval`` is what Grafana's data source would be told, for ``$__rate_interval``;
    ``traces`` the address of a Jaeger, whose traces are drawn here and where exemplars lead; ``logs`` a file in which
    the Collector keeps logs, whose lines are shown with their trace."""

    dashboards: Path
    prometheus: str
    runbooks: Path | None = None
    listen_host: str = "127.0.0.1"
    scrape_interval: str = "15s"
    traces: str | None = None
    logs: Path | None = None


def create_app(settings: Settings, transport: httpx2.AsyncBaseTransport | None = None) -> Starlette:
    """The application. ``transport`` stands in for the way to Prometheus in tests."""
    site = _Site(settings, transport)
    return Starlette(
        routes=[
            Route("/", site.home),
            Route("/dashboards", site.home),
            Route("/healthz", _healthz),
            Route("/d/{uid}", site.dashboard),
            Route("/d/{uid}/{slug}", site.dashboard),
            Route("/runbooks", lambda _: RedirectResponse("/runbooks/")),
            Route("/runbooks/", site.runbook_index),
            Route("/runbooks/{model}/{alert}", site.runbook),
            Route("/traces", site.traces.index),
            Route("/traces/", lambda _: RedirectResponse("/traces")),
            Route("/traces/{trace}", site.traces.trace),
            Route("/api/search", site.search),
            Route("/api/dashboards/uid/{uid}", site.dashboard_json),
            Route("/api/runbooks", site.runbooks_json),
            Route("/api/status", site.status),
            Route("/prometheus/api/v1/{path:path}", site.query, methods=["GET", "POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, listen_host=settings.listen_host)],
        exception_handlers={HTTPException: _http_error},
        lifespan=site.lifespan,
    )


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _http_error(request: Request, error: Exception) -> Response:
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    if request.url.path.startswith(("/api/", "/prometheus/")):
        return JSONResponse({"message": detail}, status)
    return HTMLResponse(pages.message("Nothing here" if status == 404 else "That did not work", detail), status)


class _Site:
    def __init__(self, settings: Settings, transport: httpx2.AsyncBaseTransport | None) -> None:
        self.settings = settings
        self.boards = Boards(settings.dashboards)
        self.runbooks = Runbooks(settings.runbooks)
        self.prometheus = Prometheus(settings.prometheus, transport)
        self.jaeger = Jaeger(settings.traces, transport) if settings.traces else None
        self.traces = TracePages(
            self.jaeger,
            self.prometheus,
            self.snapshot,
            self.runbooks,
            Archive(settings.logs) if settings.logs else None,
        )

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self.prometheus.close()
        if self.jaeger:
            await self.jaeger.close()

    async def snapshot(self) -> Snapshot:
        return await run_in_threadpool(self.boards.read)

    async def board(self, request: Request) -> Board:
        uid = request.path_params["uid"]
        board = (await self.snapshot()).boards.get(uid)
        if board is None:
            raise HTTPException(404, f"There is no dashboard with the uid {uid!r} in {self.settings.dashboards}.")
        return board

    async def home(self, _: Request) -> Response:
        return HTMLResponse(pages.home())

    async def dashboard(self, request: Request) -> Response:
        return HTMLResponse(pages.dashboard((await self.board(request)).title))

    async def runbook_index(self, _: Request) -> Response:
        return HTMLResponse(pages.runbook_index(await run_in_threadpool(self.runbooks.index)))

    async def runbook(self, request: Request) -> Response:
        model, alert = request.path_params["model"], request.path_params["alert"]
        if alert.endswith(".md"):  # as the runbooks link to one another when read as files
            return RedirectResponse(f"/runbooks/{model}/{alert.removesuffix('.md')}")
        page = await run_in_threadpool(self.runbooks.page, model, alert)
        if page is None:
            raise HTTPException(404, f"There is no runbook for {alert} of {model}.")
        return HTMLResponse(pages.runbook(page, model, alert))

    async def search(self, _: Request) -> Response:
        """As Grafana's /api/search lists dashboards, and the files that could not be read."""
        found = await self.snapshot()
        boards = [
            {
                "uid": b.uid,
                "title": b.title,
                "description": b.description,
                "tags": b.tags,
                "url": b.path,
                "file": b.file,
            }
            for b in found.boards.values()
        ]
        problems = [{"file": p.file, "message": p.message} for p in found.problems]
        return JSONResponse({"boards": boards, "problems": problems})

    async def dashboard_json(self, request: Request) -> Response:
        """As Grafana's /api/dashboards/uid gives it, with what the browser needs besides."""
        board = await self.board(request)
        meta = {
            "slug": board.slug,
            "url": board.path,
            "file": board.file,
            "version": board.version,
            "texts": board.texts,
            "scrapeInterval": self.settings.scrape_interval,
            "traces": "/traces" if self.jaeger else None,
        }
        return JSONResponse({"dashboard": board.document, "meta": meta})

    async def runbooks_json(self, _: Request) -> Response:
        entries = await run_in_threadpool(self.runbooks.index)
        return JSONResponse([{"model": e.model, "alert": e.alert, "title": e.title, "url": e.path} for e in entries])

    async def status(self, _: Request) -> Response:
        seen, traces = await asyncio.gather(
            status_of(self.prometheus, await self.snapshot(), self.runbooks), self.traces.state()
        )
        return JSONResponse({**seen, "traces": traces})

    async def query(self, request: Request) -> Response:
        query = request.url.query
        if request.method == "POST":
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_REQUEST_BYTES:
                    raise HTTPException(413, "The query is too long.")
            query = body.decode("utf-8", "replace")
        answer = await self.prometheus.forward(request.method, request.path_params["path"], query)
        headers = {"Cache-Control": "no-store"}
        return Response(answer.body, answer.status, headers, "application/json")
