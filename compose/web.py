"""Requests to parts of the stack: short, never through a proxy, never following elsewhere."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from dataclasses import dataclass

_LIMIT = 8 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """``status`` is 0 when nobody answered; ``text`` then says why. ``location`` is where it leads instead."""

    status: int
    text: str
    location: str = ""

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


# An empty ProxyHandler: the loopback is never reached through a proxy of the environment.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)


def ask(url: str, *, method: str = "GET", timeout: float = 2.0) -> Answer:
    """One request. ``timeout`` in seconds; raises nothing that a network can cause."""
    request = urllib.request.Request(url, method=method)  # noqa: S310 - the callers' URLs are http ones of the stack
    try:
        with _OPENER.open(request, timeout=timeout) as response:
            return Answer(response.status, response.read(_LIMIT).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        with error:
            text = error.read(_LIMIT).decode("utf-8", "replace")
            return Answer(error.code, text, error.headers.get("Location", ""))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, str(getattr(error, "reason", error)))


def sample(exposition: str, metric: str) -> float | None:
    """The value of a metric without labels on a /metrics page."""
    found = re.search(rf"^{re.escape(metric)} (\S+)", exposition, re.MULTILINE)
    return float(found[1]) if found else None
