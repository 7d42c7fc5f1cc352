"""Slashes at the end of a path mean nothing: rows that come with one are rows."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class WithoutLastSlash:
    """Hands ``app`` each path without slashes at its end.

    A redirect would not do: it is a status of its own that few senders follow, so rows would be lost uncounted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self._app(scope, receive, send)
