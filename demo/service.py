"""The demo's HTTP service: predictions, labels, metrics, faults and a page that shows it all."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import queue
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from anyio import to_thread
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from demo.engine import Engine, InjectedError, Loaded, Row, read_row
from demo.faults import FAULTS
from demo.models import GATE_RANKING, RECIPES, Answer, InputError, Recipe
from modelwatch.otel import Inference, exposition

log = logging.getLogger("demo")

CONCURRENCY = 8
"""Requests that are answered at the same time. Three times as many may wait; further ones are turned away."""
_ADMITTED = 4 * CONCURRENCY
_MAX_BODY = 1 << 20
_MAX_ROWS = 1000
_PAGE = Path(__file__).with_name("page.html")


class RefusedError(Exception):
    """An answer that is no success, in JSON: ``{"error": message}``."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


class Service:
    """The endpoints of one engine."""

    def __init__(self, engine: Engine, registry: CollectorRegistry, load: Callable[[], Loaded]) -> None:
        self._engine, self._registry, self._load = engine, registry, load
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._admitted = 0
        self._days: queue.SimpleQueue[date | None] = queue.SimpleQueue()
        self._replay: dict[str, Any] | None = None
        self._failed: str | None = None
        for watch in engine.watches.values():
            if watch.model.serving.mode == "online":
                watch.concurrency_limit(CONCURRENCY)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.page),
                Route("/healthz", self.healthz),
                Route("/readyz", self.readyz),
                Route("/metrics", self.metrics),
                Route("/progress", self.progress),
                Route("/progress", self.report, methods=["PUT"]),
                Route("/v1/models/{model}/predict", self.predict, methods=["POST"]),
                Route("/v1/models/{model}/labels", self.labels, methods=["POST"]),
                Route("/faults", self.faults),
                Route("/faults", self.heal_all, methods=["DELETE"]),
                Route("/faults/{name}", self.inject, methods=["POST"]),
                Route("/faults/{name}", self.heal, methods=["DELETE"]),
            ],
            exception_handlers={RefusedError: _refused},
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        # Loading takes seconds, and who waits for readiness wants to hear that the process is alive.
        threading.Thread(target=self._loading, name="demo-load", daemon=True).start()
        ranking = threading.Thread(target=self._ranking, name="demo-ranking", daemon=True)
        ranking.start()
        yield
        self._days.put(None)
        await to_thread.run_sync(ranking.join, 5)
        await to_thread.run_sync(self._engine.close)

    def _loading(self) -> None:
        try:
            self._engine.loaded = self._load()
            log.info("ready")
        except Exception as error:  # told where people look; the process stays, so that they can
            self._failed = str(error) or type(error).__name__
            log.exception("the models cannot be loaded")

    def _ranking(self) -> None:
        while (day := self._days.get()) is not None:
            try:
                self._engine.rank(day)
            except InjectedError as error:
                log.warning("ranking %s failed: %s", day, error)
            except Exception:
                log.exception("ranking %s failed", day)

    async def predict(self, request: Request) -> Response:
        recipe = _recipe(request)
        if recipe is GATE_RANKING:
            raise RefusedError(404, "gate-ranking scores a whole day at once, when the day before is over")
        if self._engine.loaded is None:
            raise RefusedError(503, self._failed or "the models are being loaded", {"Retry-After": "1"})
        rows = await _rows(request, recipe)
        watch = self._engine.watches[recipe.name]
        try:
            with watch.inference(headers=request.headers, batch=len(rows)) as inference:
                answers = await self._answer(recipe, rows, inference)
        except (InjectedError, RefusedError) as error:
            self._engine.ledgers[recipe.name].failed(len(rows))
            raise error if isinstance(error, RefusedError) else RefusedError(500, str(error)) from error
        day = self._engine.advance(max(row.moment for row in rows))
        if day is not None:
            self._days.put(day)
        return JSONResponse(
            {
                "model": recipe.name,
                "version": watch.version,
                "predictions": [
                    {"id": row.id, "prediction": answer.prediction, "confidence": answer.confidence}
                    for row, answer in zip(rows, answers, strict=True)
                ],
            }
        )

    async def _answer(self, recipe: Recipe, rows: list[Row], inference: Inference) -> list[Answer]:
        if self._admitted >= _ADMITTED:
            raise RefusedError(503, "too many requests are waiting", {"Retry-After": "1"})
        self._admitted += 1
        try:
            async with self._slots:
                call = functools.partial(self._engine.answer, recipe, rows, inference)
                return await to_thread.run_sync(call)
        finally:
            self._admitted -= 1

    async def labels(self, request: Request) -> Response:
        recipe = _recipe(request)
        body = await _json(request)
        found = body if isinstance(body, list) else [body]
        matched = 0
        try:
            for label in _limited(found):
                if not isinstance(label, dict) or not isinstance(label.get("id"), str):
                    raise InputError('a label is {"id": "...", "actual": ...}')
                matched += self._engine.label(recipe, label["id"], label.get("actual"))
        except InputError as error:
            raise RefusedError(422, str(error)) from error
        return JSONResponse({"matched": matched, "unknown": len(found) - matched})

    async def metrics(self, request: Request) -> Response:
        body, content_type = exposition(self._registry, request.headers.get("accept"))
        return Response(body, headers={"Content-Type": content_type})

    async def healthz(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        if self._engine.loaded is None:
            raise RefusedError(503, self._failed or "the models are being loaded")
        return JSONResponse({"status": "ready"})

    async def progress(self, _: Request) -> Response:
        return JSONResponse({**self._engine.progress(), "replay": self._replay})

    async def report(self, request: Request) -> Response:
        body = await _json(request)
        if not isinstance(body, dict):
            raise RefusedError(422, "the replay's progress is a JSON object")
        self._replay = body
        return Response(status_code=204)

    async def faults(self, _: Request) -> Response:
        return JSONResponse(self._engine.faults.listing())

    async def inject(self, request: Request) -> Response:
        fault = FAULTS.get(request.path_params["name"])
        if fault is None:
            raise RefusedError(404, f"no such fault; there are {', '.join(FAULTS)}")
        body = await _json(request) if await request.body() else {}
        duration = body.get("duration") if isinstance(body, dict) else None
        if duration is not None and (
            isinstance(duration, bool) or not isinstance(duration, int | float) or not 0 < duration < math.inf
        ):
            raise RefusedError(422, f"duration is {duration!r}: give seconds, or leave it out to heal by hand")
        self._engine.faults.inject(fault, duration)
        log.warning("fault %s injected", fault.name)
        return await self.faults(request)

    async def heal(self, request: Request) -> Response:
        fault = FAULTS.get(request.path_params["name"])
        if fault is None:
            raise RefusedError(404, f"no such fault; there are {', '.join(FAULTS)}")
        self._engine.faults.heal(fault)
        log.warning("fault %s healed", fault.name)
        return await self.faults(request)

    async def heal_all(self, request: Request) -> Response:
        self._engine.faults.heal_all()
        log.warning("all faults healed")
        return await self.faults(request)

    async def page(self, _: Request) -> Response:
        return HTMLResponse(_PAGE.read_text())


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return JSONResponse({"error": error.message}, error.status, error.headers)


def _recipe(request: Request) -> Recipe:
    recipe = RECIPES.get(request.path_params["model"])
    if recipe is None:
        raise RefusedError(404, f"no such model; there are {', '.join(RECIPES)}")
    return recipe


async def _json(request: Request) -> Any:
    """The body. Raises RefusedError for one that is too long or no JSON."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY:
            raise RefusedError(413, f"send at most {_MAX_BODY} bytes")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, f"the body is no JSON: {error}") from error


async def _rows(request: Request, recipe: Recipe) -> list[Row]:
    body = await _json(request)
    try:
        return [read_row(recipe, raw) for raw in _limited(body if isinstance(body, list) else [body])]
    except InputError as error:
        raise RefusedError(422, str(error)) from error


def _limited(items: list[Any]) -> list[Any]:
    if not 0 < len(items) <= _MAX_ROWS:
        raise InputError(f"{len(items)} items: send 1 to {_MAX_ROWS}")
    return items
