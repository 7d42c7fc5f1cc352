"""Keeps other sites' pages out (DNS rebinding, cross-site requests); lets pages load nothing from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Answers only requests whose Host, and Origin where there is one, name this machine or ``listen_host``."""

    def __init__(self, app: ASGIApp, listen_host: str) -> None:
        self.app = app
        self.hosts = LOCAL_HOSTS | {listen_host.lower().strip("[]")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._known(f"//{headers.get('host', '')}"):
            await PlainTextResponse("This address is not served here: open it as http://localhost.\n", 421)(
                scope, receive, send
            )
            return
        if "origin" in headers and not self._known(headers["origin"]):
            await PlainTextResponse("Requests from other sites are refused.\n", 403)(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    out[name] = value
                out.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self.app(scope, receive, send_guarded)

    def _known(self, url: str) -> bool:
        try:
            return (urlsplit(url).hostname or "") in self.hosts
        except ValueError:  # a malformed IPv6 literal
            return False
