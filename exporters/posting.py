"""Takes rows and events over HTTP, counts them, and answers what became of each."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

import anyio
from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from modelwatch.exporters.access import TokenFile
from modelwatch.exporters.answers import Json, error
from modelwatch.exporters.clock import Clock
from modelwatch.exporters.ingest import (
    ARROW,
    UNSAID,
    MalformedError,
    Rejection,
    Table,
    TooManyRowsError,
    UnknownFormatError,
    decode,
    media_type,
)
from modelwatch.exporters.ingest.cloudevents import Event, decode_events, is_event
from modelwatch.exporters.ingest.inferences import Inferences, Task
from modelwatch.exporters.ingest.pairing import Pairing
from modelwatch.exporters.intake import Intake, Limits, RefusedError
from modelwatch.exporters.monitor import NotKeptError
from modelwatch.exporters.refusals import About, Reason
from modelwatch.exporters.sidecar import NotLoadedError, Sidecar, UnknownModelError

_log = logging.getLogger(__name__)

# Requests decoded at the same time. More would not be faster, and each takes several times its body in memory.
_DECODERS = 2
_UNREAD: dict[type[Exception], tuple[Reason, int]] = {
    MalformedError: ("not_readable", 400),
    TooManyRowsError: ("too_large", 413),
    UnknownFormatError: ("content_type", 415),
}
# Browsers say these, and no page can leave them out. Without a content type, or with one that a form may have, they let
# any page that is open post to 127.0.0.1; for others they ask first, and the sidecar does not agree.
_FROM_PAGES = frozenset(("origin", "sec-fetch-site"))
_PAGE = (
    "a web page sent this without saying that it is JSON, as any open page could: send Content-Type: application/json"
)
_NOT_LET_IN: dict[str, tuple[Reason, str]] = {
    "none_sent": ("token", "send the header Authorization: Bearer with a token of the sidecar's --token-file"),
    "wrong": ("wrong_token", "the token is none of the sidecar's --token-file: it may have been replaced"),
    "no_tokens": ("token_file", "nobody is let in while the sidecar cannot read its --token-file: its log says why"),
}
_NO_ROWS = [{"index": 0, "reason": "there are no rows: send at least one"}]


class Posting:
    """``tokens`` are asked for where there are any."""

    def __init__(self, sidecar: Sidecar, limits: Limits, clock: Clock, tokens: TokenFile | None) -> None:
        self._sidecar, self._limits, self._tokens = sidecar, limits, tokens
        self._intake = Intake(limits)
        self._decoders = anyio.CapacityLimiter(_DECODERS)
        self._inferences = Inferences(Pairing(clock.monotonic), self._task)

    @property
    def asks(self) -> bool:
        """Whether a token is asked for."""
        return self._tokens is not None

    async def predictions(self, request: Request) -> Response:
        """Rows of the model in the path, or events about it."""
        return await self._guarded(request, str(request.path_params["model"]))

    async def events(self, request: Request) -> Response:
        """Events that name their model themselves."""
        return await self._guarded(request, None)

    def count_overdue(self) -> None:
        """Count requests whose answers did not come in time."""
        self._count_ready(self._inferences.overdue())

    def count_waiting(self) -> None:
        """Count every request that still waits for its answer, at the end."""
        self._count_ready(self._inferences.all())

    async def _guarded(self, request: Request, model: str | None) -> Response:
        try:
            self.check(request)
            if model is not None and model not in self._sidecar.names:
                raise RefusedError("unknown_model", 404, self.no_model(model))
            async with self._intake.body(request, in_place=model is not None and _in_place(request)) as body:
                return await to_thread.run_sync(self._counted, request, model, body, limiter=self._decoders)
        except RefusedError as refused:
            self.refuse(refused.reason, refused.status, request, model)
            if refused.status != 408:  # who is too slow is not waited for again
                await self._intake.drain(request)
            return error(refused.status, refused.message, refused.headers)
        except ClientDisconnect:
            self.refuse("disconnected", 400, request, model)
            return error(400, "the connection was closed before the body was complete")

    def refuse(self, reason: Reason, status: int, request: Request, model: str | None, size: int | None = None) -> None:
        """Count ``request``, of which the log tells the model, the size and the sender, and nothing that it says."""
        declared = request.headers.get("content-length", "")
        if size is None and declared.isascii() and declared.isdigit() and len(declared) < 20:
            size = int(declared)
        peer = request.client.host if request.client else ""
        self._sidecar.refusals.add(reason, About(status, model, size, peer), self._sidecar.names)

    def check(self, request: Request) -> None:
        """Raises RefusedError when the request must bring a token and does not."""
        if self._tokens is None:
            return
        verdict = self._tokens.judge(request.headers.get("authorization", ""))
        if verdict != "good":
            reason, message = _NOT_LET_IN[verdict]
            raise RefusedError(reason, 401, message, headers={"WWW-Authenticate": "Bearer"})

    def locked(self) -> str | None:
        """Why nobody can send rows, whatever token they bring."""
        return self._tokens.problem() if self._tokens else None

    def _counted(self, request: Request, model: str | None, body: bytes | memoryview) -> Response:
        try:
            return self._answer(request, model, body)
        except (MalformedError, TooManyRowsError, UnknownFormatError) as problem:
            reason, status = _UNREAD[type(problem)]
            refused = RefusedError(reason, status, str(problem))
        except NotLoadedError as problem:
            model = str(problem)
            message = f"the reference profile of {problem} is being loaded"
            refused = RefusedError("loading", 429, message, {"Retry-After": "1"})
        except NotKeptError as problem:
            refused = RefusedError("not_kept", 429, str(problem), {"Retry-After": str(problem.retry_after)})
        except UnknownModelError as problem:
            model = str(problem.args[0])
            refused = RefusedError("unknown_model", 404, self.no_model(model))
        self.refuse(refused.reason, refused.status, request, model, len(body))
        return error(refused.status, refused.message, refused.headers)

    def _answer(self, request: Request, model: str | None, body: bytes | memoryview) -> Response:
        kind = request.headers.get("content-type", "")
        if model is None or is_event(request.headers, media_type(kind)):
            events = decode_events(bytes(body), media_type(kind), request.headers)
            if not events:
                self.refuse("no_rows", 422, request, model, len(body))
            return self._events(events, model)
        if media_type(kind) in UNSAID and not _FROM_PAGES.isdisjoint(request.headers.keys()):
            raise UnknownFormatError(_PAGE)
        table = decode(body, kind)
        if not table.rows:
            self.refuse("no_rows", 422, request, model, len(body))
        counted = self._sidecar.ingest(model, table)
        return _told(counted.accepted, counted.errors, self._limits.errors, table.places)

    def _events(self, events: list[Event], model: str | None) -> Response:
        """Count what has become whole by ``events``; 202 when nothing has, but something is kept."""
        read = [self._inferences.read(event, model) for event in events]
        rows, accepted = 0, 0
        errors: dict[int, Rejection] = {}
        for name, table in self._inferences.add(read):
            counted = self._sidecar.ingest(name, table)
            errors.update({rows + index: found for index, found in counted.errors.items()})
            rows, accepted = rows + table.rows, accepted + counted.accepted
        if events and not rows:
            return Json({"accepted": 0, "rejected": 0, "errors": []}, 202)
        return _told(accepted, errors, self._limits.errors)

    def _count_ready(self, ready: list[tuple[str, Table]]) -> None:
        for name, table in ready:
            try:
                self._sidecar.ingest(name, table)
            except Exception as problem:  # the others are still to be counted
                _log.warning("%d rows of %s are lost: %s", table.rows, name, problem)

    def _task(self, model: str) -> Task:
        spec = self._sidecar.spec(model)
        return Task([feature.name for feature in spec.features], spec.task.classes)

    def no_model(self, name: str) -> str:
        known = ", ".join(self._sidecar.names) or "none"
        return f"there is no model {json.dumps(name[:100])}; the models are {known}"


def _in_place(request: Request) -> bool:
    """Whether the body is looked at where it lies, and never has to be one of Python's bytes."""
    media = media_type(request.headers.get("content-type", ""))
    return media in ARROW and not is_event(request.headers, media)


def _told(accepted: int, errors: dict[int, Rejection], most: int, places: Sequence[int] | None = None) -> Response:
    told = [
        {"index": index if places is None else places[index], "reason": found.sentence}
        for index, found in sorted(errors.items())[:most]
    ]
    answer = {"accepted": accepted, "rejected": len(errors), "errors": told if accepted or told else _NO_ROWS}
    return Json(answer, 200 if accepted else 422)
