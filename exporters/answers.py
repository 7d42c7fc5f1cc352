"""What the sidecar answers over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


class Json(Response):
    """JSON in ASCII alone: whatever text a request held, an answer that quotes it can be written."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False).encode("ascii") + b"\n"


def error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return Json({"error": message}, status, dict(headers or {}))
