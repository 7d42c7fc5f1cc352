"""The HTTP layer: the Events API for machines, lists as JSON for scripts, and the page for people."""

from __future__ import annotations

import re
from functools import partial
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from modelwatch.compose.pagerduty import limits, page, views
from modelwatch.compose.pagerduty.incidents import NoSuchIncidentError, NotOpenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.requests import Request

    from modelwatch.compose.pagerduty.desk import Answer, Desk
    from modelwatch.compose.pagerduty.records import Action

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
# How much of a too large body is read before the answer: a client that is cut off while it sends sees no answer at all.
DRAIN_MAX = 16 * limits.BODY_MAX

_WEBHOOK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_STATIC = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not no-referrer: with that, a browser sends "Origin: null" with the page's own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def create_app(
    desk: Desk, allowed_hosts: Iterable[str] = (), moved: Mapping[str, str] = MappingProxyType({})
) -> Starlette:
    """The service. ``allowed_hosts`` are names, besides the loopback's, by which a browser may call the page.

    ``moved`` is old place -> new one, each HOST:PORT, for the page's links.

    The name is checked so that no other web site can read the page by pointing its own name at this machine; the Events
    API, webhooks, health and metrics answer under any name, since other containers call them.
    """
    names = Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK_HOSTS, *allowed_hosts], www_redirect=False)
    get = partial(Route, methods=["GET"], middleware=[names])
    post = partial(Route, methods=["POST"], middleware=[names])
    routes = [
        Route("/v2/enqueue", partial(_enqueue, desk), methods=["POST"]),
        Route("/webhooks/{name}", partial(_webhook, desk), methods=["POST"]),
        Route("/healthz", partial(_healthz, desk)),
        Route("/metrics", partial(_metrics, desk)),
        get("/", partial(_page, desk, moved)),
        get("/revision", partial(_revision, desk)),
        get("/incidents", partial(_incidents, desk)),
        get("/incidents/{number:int}", partial(_incident, desk)),
        post("/incidents/{number:int}/acknowledge", partial(_by_hand, desk, "acknowledge")),
        post("/incidents/{number:int}/resolve", partial(_by_hand, desk, "resolve")),
        get("/orphans", partial(_orphans, desk)),
        get("/refused", partial(_refused, desk)),
        get("/webhooks", partial(_webhooks, desk)),
        *(get(f"/static/{name}", _static(name, kind)) for name, kind in _STATIC.items()),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error, 500: _crash})


async def _enqueue(desk: Desk, request: Request) -> Response:
    return await _take(desk, request, desk.enqueue)


async def _webhook(desk: Desk, request: Request) -> Response:
    name = request.path_params["name"]
    if not _WEBHOOK_NAME.fullmatch(name):
        raise HTTPException(404, "a webhook's name is 1 to 64 letters, digits, '.', '_' or '-'")
    return await _take(desk, request, partial(desk.webhook, name))


async def _take(desk: Desk, request: Request, take: Callable[[bytes, str], Answer]) -> Response:
    _require_same_origin(request)
    sender = request.headers.get("user-agent", "")
    try:
        body = await _read_body(request)
    except limits.RefusedError as refusal:
        return _answer(await run_in_threadpool(desk.refuse, refusal, sender))
    except ClientDisconnect:
        return Response(status_code=400)
    return _answer(await run_in_threadpool(take, body, sender))


async def _read_body(request: Request) -> bytes:
    """Raises RefusedError for a body above the limit, without ever holding more than that, and ClientDisconnect."""
    body = bytearray()
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received <= limits.BODY_MAX:
            body += chunk
        elif received > DRAIN_MAX:
            break
    if received > limits.BODY_MAX:
        raise limits.too_large()
    return bytes(body)


def _answer(answer: Answer) -> Response:
    if isinstance(answer.body, str):
        return PlainTextResponse(answer.body, answer.status)
    return JSONResponse(answer.body, answer.status)


def _page(desk: Desk, moved: Mapping[str, str], request: Request) -> Response:
    snapshot = desk.snapshot()
    return HTMLResponse(page.render(snapshot, str(request.base_url), moved), headers=_HEADERS)


def _revision(desk: Desk, _request: Request) -> Response:
    return PlainTextResponse(desk.revision, headers={"Cache-Control": "no-store"})


def _incidents(desk: Desk, request: Request) -> Response:
    return JSONResponse(views.incidents(desk.snapshot(), _query(request)))


def _incident(desk: Desk, request: Request) -> Response:
    try:
        found = desk.find(request.path_params["number"])
    except NoSuchIncidentError as error:
        raise HTTPException(404, f"no incident {error}") from None
    return JSONResponse(views.incident(found, desk.snapshot().now))


def _orphans(desk: Desk, _request: Request) -> Response:
    return JSONResponse(views.orphans(desk.snapshot()))


def _refused(desk: Desk, _request: Request) -> Response:
    return JSONResponse(views.refused(desk.snapshot()))


def _webhooks(desk: Desk, request: Request) -> Response:
    return JSONResponse(views.webhooks(desk.snapshot(), _query(request)))


def _query(request: Request) -> views.Query:
    try:
        return views.Query.parse(request.query_params)
    except views.QueryError as error:
        raise HTTPException(400, str(error)) from None


def _by_hand(desk: Desk, action: Action, request: Request) -> Response:
    """A browser is sent back to the page; a script that asks for JSON gets the incident."""
    _require_same_origin(request)
    number = request.path_params["number"]
    try:
        found = desk.by_hand(number, action)
    except NoSuchIncidentError:
        raise HTTPException(404, f"no incident {number}") from None
    except NotOpenError:
        raise HTTPException(409, f"incident {number} is resolved already") from None
    except OSError as error:
        raise HTTPException(500, f"not recorded: {error.strerror or error}") from None
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/#incident-{number}", 303)
    return JSONResponse(views.incident(found, desk.snapshot().now))


def _require_same_origin(request: Request) -> None:
    """Turn away what another web site makes a browser send. Programs that are no browsers send neither header."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "none")
    if site not in ("none", "same-origin") or origin not in (None, f"http://{request.headers.get('host')}"):
        raise HTTPException(403, "requests from another web site are refused")


def _healthz(_desk: Desk, _request: Request) -> Response:
    return PlainTextResponse("ok")


def _metrics(desk: Desk, _request: Request) -> Response:
    return Response(generate_latest(desk.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _static(name: str, media_type: str) -> Callable[[Request], Response]:
    content = resources.files(__package__).joinpath(name).read_bytes()
    return lambda _request: Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})


def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # what it is registered for
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _crash(_request: Request, _error: Exception) -> Response:
    # The traceback goes to the log by way of the server.
    return JSONResponse({"status": "error", "message": "Internal error; the log has more"}, 500)
