"""How the client puts rows on the wire: plain JSON values, and one connection kept open. Standard library only."""

from __future__ import annotations

import http.client
import json
import math
from collections.abc import Mapping
from typing import Any


class Connection:
    """One connection that is kept open between batches."""

    def __init__(self, https: bool, host: str, port: int | None) -> None:
        self._kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
        self._host, self._port = host, port
        self._kept: http.client.HTTPConnection | None = None

    def post(
        self, path: str, body: bytes, timeout: float, token: str | None = None
    ) -> tuple[int, float, Mapping[str, Any]]:
        """Status, seconds of Retry-After and the answer. Raises OSError or HTTPException."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        while True:
            reused = self._kept is not None
            connection = self._kept or self._kind(self._host, self._port, timeout=timeout)
            self._kept = None
            try:
                if connection.sock is not None:
                    connection.sock.settimeout(timeout)
                connection.request("POST", path, body, headers)
                response = connection.getresponse()
                text = response.read(1 << 20)
            except (ConnectionError, http.client.RemoteDisconnected):
                connection.close()
                # A connection that idled may have been closed by the other side: that is no failure yet.
                if reused:
                    continue
                raise
            except BaseException:
                connection.close()
                raise
            if response.will_close or not response.isclosed():
                connection.close()
            else:
                self._kept = connection
            return response.status, _seconds(response.headers.get("Retry-After")), _object(text)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 0.0


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def plain(value: Any) -> str | float | int | bool | None:
    """A value as JSON has it: NaN and infinity are None, numpy's scalars are numbers, anything else is its text."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return float(value) if math.isfinite(value) else None
        case str():
            # Half of a surrogate pair is no text that JSON can carry.
            return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    return _foreign(value)


def _foreign(value: Any) -> str | float | int | bool | None:
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "item"):
        return plain(value.item())
    if hasattr(value, "__float__"):
        return plain(float(value))
    text = value.isoformat() if hasattr(value, "isoformat") else value
    return plain(str(text)[:1000])
