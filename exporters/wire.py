"""How the client puts rows on the wire: one connection kept open. Standard library only."""

from __future__ import annotations

import http.client
import json
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
