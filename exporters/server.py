"""The sidecar over HTTP. No request, however broken, gets a status of 500 or above; only ``/readyz`` answers 503."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import StatelessLifespan

from modelwatch.exporters import openapi
from modelwatch.exporters.access import TokenFile
from modelwatch.exporters.answers import Json, error
from modelwatch.exporters.clock import Clock, SystemClock
from modelwatch.exporters.exposition import Scrape, wants_openmetrics
from modelwatch.exporters.intake import Limits, RefusedError
from modelwatch.exporters.posting import Posting
from modelwatch.exporters.refusals import ROWS_PATHS
from modelwatch.exporters.report import report
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.slashes import WithoutLastSlash

# Methods that bring a body.
_BRINGING = frozenset(("POST", "PUT", "PATCH"))


class _Endpoints:
    def __init__(self, sidecar: Sidecar, posting: Posting, limits: Limits, protect_metrics: bool) -> None:
        self._sidecar, self._posting, self._protected = sidecar, posting, protect_metrics
        self._scrape = Scrape(sidecar)
        self._description = openapi.document(
            version("modelwatch"), limits.body_bytes, limits.errors, posting.asks, protect_metrics
        )

    def watched(self, request: Request) -> None:
        """Raises RefusedError where who looks must bring a token too."""
        if self._protected:
            self._posting.check(request)

    def models(self, request: Request) -> Response:
        self.watched(request)
        return Json({**report(self._sidecar), "locked": self._posting.locked()})

    def model(self, request: Request) -> Response:
        self.watched(request)
        name = request.path_params["model"]
        found = next((model for model in report(self._sidecar)["models"] if model["name"] == name), None)
        return error(404, self._posting.no_model(name)) if found is None else Json(found)

    def metrics(self, request: Request) -> Response:
        self.watched(request)
        self._posting.count_overdue()
        # A header may come in several lines, which are one list.
        accept = ",".join(request.headers.getlist("accept"))
        body, kind = self._scrape.answer(wants_openmetrics(accept))
        return Response(body, headers={"Content-Type": kind})

    def ready(self, _: Request) -> Response:
        state = self._sidecar.readiness()
        answer = {
            "ready": state.ready,
            "loading": list(state.loading),
            "missing": dict(state.missing),
            "warming": self._sidecar.warming,
        }
        return Json(answer, 200 if state.ready else 503)

    def health(self, _: Request) -> Response:
        return Json({"status": "ok"})

    def description(self, _: Request) -> Response:
        return Json(self._description)

    def refused(self, request: Request, problem: Exception) -> Response:
        if isinstance(problem, RefusedError):
            return error(problem.status, problem.message, problem.headers)
        if not isinstance(problem, HTTPException):
            raise problem
        brings = request.method in _BRINGING
        if brings:
            # Nothing else is ever sent here: whoever missed the path or the method has rows for us.
            self._posting.refuse("unknown_path", problem.status_code, request, request.path_params.get("model"))
        if "POST" in (problem.headers or {}).get("Allow", ""):
            where = "; rows are sent with POST"
        else:
            where = f"; {ROWS_PATHS}" if brings else ""
        message = f"{request.method} {request.url.path[:100]}: {problem.detail}{where}"
        return error(problem.status_code, message, problem.headers)


def create_app(
    sidecar: Sidecar,
    limits: Limits | None = None,
    lifespan: StatelessLifespan[Starlette] | None = None,
    *,
    tokens: TokenFile | None = None,
    protect_metrics: bool = False,
    clock: Clock | None = None,
) -> Starlette:
    """The application over ``sidecar``, which somebody else loads.

    Rows are taken from who brings one of ``tokens``; with ``protect_metrics`` metrics and scores are shown only to them
    as well. Health and readiness are open to all.
    """
    limits = limits or Limits()
    posting = Posting(sidecar, limits, clock or SystemClock(), tokens)
    at = _Endpoints(sidecar, posting, limits, protect_metrics)

    @contextlib.asynccontextmanager
    async def living(app: Starlette) -> AsyncIterator[None]:
        async with lifespan(app) if lifespan else contextlib.nullcontext():
            yield
        posting.count_waiting()

    app = Starlette(
        routes=[
            Route("/v1/models", at.models),
            Route("/v1/models/{model}", at.model),
            Route("/v1/models/{model}/predictions", posting.predictions, methods=["POST"]),
            Route("/v1/cloudevents", posting.events, methods=["POST"]),
            Route("/metrics", at.metrics),
            Route("/healthz", at.health),
            Route("/readyz", at.ready),
            Route("/openapi.json", at.description),
        ],
        middleware=[Middleware(WithoutLastSlash)],
        exception_handlers={HTTPException: at.refused, RefusedError: at.refused},
        lifespan=living,
    )
    app.router.redirect_slashes = False
    return app
