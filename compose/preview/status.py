"""What the home page and every dashboard ask for now and then: is Prometheus there, what fires, did a file change."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from modelwatch.compose.preview.boards import Board, Snapshot
    from modelwatch.compose.preview.prometheus import Prometheus
    from modelwatch.compose.preview.runbooks import Runbooks

Json = dict[str, Any]
_BOARD_PATH = re.compile(r"/d/([A-Za-z0-9_-]{1,40})(/|$)")


async def status(prometheus: Prometheus, snapshot: Snapshot, runbooks: Runbooks) -> Json:
    """JSON with ``prometheus`` (url, up, version, error), ``alerts`` and each board's ``version``."""
    info, alerts = await asyncio.gather(prometheus.get("api/v1/status/buildinfo"), prometheus.get("api/v1/alerts"))
    build, listed = info.member("data"), alerts.member("data")
    up = isinstance(build, dict)
    firing = listed.get("alerts", []) if isinstance(listed, dict) else []
    return {
        "prometheus": {
            "url": prometheus.url,
            "up": up,
            "version": build.get("version", "") if isinstance(build, dict) else "",
            "error": None if up else info.member("error") or f"HTTP {info.status}",
        },
        "alerts": [describe(alert, snapshot, runbooks) for alert in firing],
        "boards": {board.uid: board.version for board in snapshot.boards.values()},
    }


def describe(alert: Json, snapshot: Snapshot, runbooks: Runbooks) -> Json:
    """An alert as Prometheus lists it, with the ``runbook`` and ``dashboard`` that are served here, or None."""
    labels, annotations = alert.get("labels", {}), alert.get("annotations", {})
    model, name = labels.get("model", ""), labels.get("alertname", "")
    runbook = f"/runbooks/{model}/{name}" if runbooks.find(model, name) else _web(annotations.get("runbook_url", ""))
    return {
        "labels": labels,
        "annotations": annotations,
        "state": alert.get("state", ""),
        "activeAt": alert.get("activeAt", ""),
        "value": alert.get("value", ""),
        "runbook": runbook,
        "dashboard": _dashboard(annotations, model, snapshot),
    }


def _dashboard(annotations: Json, model: str, snapshot: Snapshot) -> str | None:
    """Where the alert's annotation points if that board is here, else the first board with a ``model`` variable."""
    for key in ("dashboard_url", "dashboard"):
        parts = urlsplit(str(annotations.get(key, "")))
        match = _BOARD_PATH.search(parts.path)
        if match and match.group(1) in snapshot.boards:
            return parts.path[match.start() :] + (f"?{parts.query}" if parts.query else "")
    for board in snapshot.boards.values():
        if model and _has_variable(board, "model"):
            return f"{board.path}?{urlencode({'var-model': model})}"
    return None


def _has_variable(board: Board, name: str) -> bool:
    variables = (board.document.get("templating") or {}).get("list") or ()
    return any(variable.get("name") == name for variable in variables)


def _web(url: str) -> str | None:
    return url if urlsplit(url).scheme in ("http", "https") else None
