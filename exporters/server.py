"""The sidecar over HTTP. No request, however broken, gets a status of 500 or above; only ``/readyz`` answers 503."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import anyio
from anyio import to_thread
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import StatelessLifespan

from modelwatch.exporters import openapi
from modelwatch.exporters.collector import ModelCollector
from modelwatch.exporters.counting import Counted
from modelwatch.exporters.ingest import MalformedError, TooManyRowsError, decode
from modelwatch.exporters.intake import Intake, Limits, RefusedError
from modelwatch.exporters.report import report
from modelwatch.exporters.sidecar import NotLoadedError, Sidecar, UnknownModelError

# Requests decoded at the same time. More would not be faster, and each takes several times its body in memory.
_DECODERS = 2
_OPENMETRICS = "application/openmetrics-text"


class _Json(Response):
    """JSON in ASCII alone: whatever text a request held, an answer that quotes it can be written."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False).encode("ascii") + b"\n"


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return _Json({"error": message}, status, dict(headers or {}))


class _Endpoints:
    def __init__(self, sidecar: Sidecar, limits: Limits) -> None:
        self._sidecar = sidecar
        self._intake = Intake(limits)
        self._decoders = anyio.CapacityLimiter(_DECODERS)
        self._registry = CollectorRegistry()
        self._registry.register(ModelCollector(sidecar.snapshots, sidecar.failures, sidecar.samples))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._description = openapi.document(version("modelwatch"), limits.body_bytes, limits.errors)

    async def predictions(self, request: Request) -> Response:
        try:
            return await self._counted(request)
        except RefusedError as refused:
            if refused.status != 408:  # who is too slow is not waited for again
                await self._intake.drain(request)
            headers = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
            return _error(refused.status, refused.message, headers)
        except ClientDisconnect:
            return _error(400, "the connection was closed before the body was complete")

    async def _counted(self, request: Request) -> Response:
        name = request.path_params["model"]
        if name not in self._sidecar.names:
            raise RefusedError(404, self._no_model(name))
        async with self._intake.body(request) as body:
            kind = request.headers.get("content-type", "")
            try:
                counted = await to_thread.run_sync(self._count, name, body, kind, limiter=self._decoders)
            except MalformedError as error:
                return _error(400, str(error))
            except TooManyRowsError as error:
                return _error(413, str(error))
            except NotLoadedError:
                raise RefusedError(429, f"the reference profile of {name} is being loaded", 1) from None
            except UnknownModelError:
                return _error(404, self._no_model(name))
        errors = sorted(counted.errors.items())[: self._intake.limits.errors]
        answer = {
            "accepted": counted.accepted,
            "rejected": len(counted.errors),
            "errors": [{"index": index, "reason": reason} for index, reason in errors],
        }
        return _Json(answer, 200 if counted.accepted else 422)

    def _count(self, name: str, body: bytes, kind: str) -> Counted:
        return self._sidecar.ingest(name, decode(body, kind))

    def _no_model(self, name: str) -> str:
        known = ", ".join(self._sidecar.names) or "none"
        return f"there is no model {json.dumps(name[:100])}; the models are {known}"

    def models(self, _: Request) -> Response:
        return _Json(report(self._sidecar))

    def model(self, request: Request) -> Response:
        name = request.path_params["model"]
        found = next((model for model in report(self._sidecar)["models"] if model["name"] == name), None)
        return _error(404, self._no_model(name)) if found is None else _Json(found)

    def metrics(self, request: Request) -> Response:
        # Only our own words reach choose_encoder: it raises for versions and escapings that it does not know.
        accepted = {kind.partition(";")[0].strip().lower() for kind in request.headers.get("accept", "").split(",")}
        encode, kind = choose_encoder(_OPENMETRICS if _OPENMETRICS in accepted else "")
        return Response(encode(self._registry), headers={"Content-Type": kind})

    def ready(self, _: Request) -> Response:
        state = self._sidecar.readiness()
        answer = {"ready": state.ready, "loading": list(state.loading), "missing": dict(state.missing)}
        return _Json(answer, 200 if state.ready else 503)

    def health(self, _: Request) -> Response:
        return _Json({"status": "ok"})

    def description(self, _: Request) -> Response:
        return _Json(self._description)

    def refused(self, request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return _error(
                error.status_code, f"{request.method} {request.url.path[:100]}: {error.detail}", error.headers
            )
        raise error


def create_app(
    sidecar: Sidecar, limits: Limits | None = None, lifespan: StatelessLifespan[Starlette] | None = None
) -> Starlette:
    """The application over ``sidecar``, which somebody else loads."""
    at = _Endpoints(sidecar, limits or Limits())
    return Starlette(
        routes=[
            Route("/v1/models", at.models),
            Route("/v1/models/{model}", at.model),
            Route("/v1/models/{model}/predictions", at.predictions, methods=["POST"]),
            Route("/metrics", at.metrics),
            Route("/healthz", at.health),
            Route("/readyz", at.ready),
            Route("/openapi.json", at.description),
        ],
        exception_handlers={HTTPException: at.refused},
        lifespan=lifespan,
    )
