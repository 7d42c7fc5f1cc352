"""Is Prometheus there, what fires, and where that leads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx2
from starlette.testclient import TestClient

from modelwatch.compose.preview.app import Settings, create_app

if TYPE_CHECKING:
    from pathlib import Path

Handler = Callable[[httpx2.Request], httpx2.Response]


def answer(data: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"status": "success", "data": data})


def board(uid: str = "one", title: str = "One", **more: Any) -> str:
    return json.dumps({"uid": uid, "title": title, "tags": ["k"], "panels": [], "schemaVersion": 41, **more})


def test_credentials_in_the_address_are_never_shown(folder: Path, healthy: Handler) -> None:
    """They go to Prometheus and nowhere else."""
    seen: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("authorization", ""))
        return healthy(request)

    settings = Settings(folder / "boards", "http://reader:secret@prometheus.test:9090/prom/")
    with TestClient(create_app(settings, httpx2.MockTransport(handler)), base_url="http://localhost") as client:
        status = client.get("/api/status").json()
    assert status["prometheus"]["url"] == "http://prometheus.test:9090/prom"
    assert all(header.startswith("Basic ") for header in seen)


def test_status_tells_a_prometheus_that_is_down_and_one_that_is_back(
    open_client: Callable[..., TestClient], healthy: Handler
) -> None:
    """The same preview sees both, without a restart."""
    down = True

    def handler(request: httpx2.Request) -> httpx2.Response:
        if down:
            raise httpx2.ConnectError("Connection refused")
        return healthy(request)

    client = open_client(handler)
    first = client.get("/api/status").json()["prometheus"]
    assert (first["up"], first["error"]) == (
        False,
        "Prometheus at http://prometheus.test:9090 does not answer: no connection",
    )
    down = False
    assert client.get("/api/status").json()["prometheus"] == {
        "url": "http://prometheus.test:9090", "up": True, "version": "3.1.0", "error": None,
    }  # fmt: skip


def test_alerts_lead_to_their_runbook_and_dashboard(
    folder: Path, open_client: Callable[..., TestClient], healthy: Handler
) -> None:
    """Pages served here are linked by path; a foreign runbook only by http; a script never."""
    variable = {"templating": {"list": [{"name": "model"}]}}
    (folder / "boards" / "model.json").write_text(board("model", "A model", **variable))

    def alert(name: str, **annotations: str) -> dict[str, Any]:
        return {"labels": {"alertname": name, "model": "flight-delay"}, "annotations": annotations, "state": "firing"}

    listed = [
        alert(
            "Burn", runbook_url="http://elsewhere.test/x", dashboard_url="http://127.0.0.1:3000/d/one/one?var-model=a"
        ),
        alert("Other", runbook_url="http://elsewhere.test/x", dashboard_url="http://elsewhere.test/d/unknown/x"),
        alert("Evil", runbook_url="javascript:alert(1)", dashboard_url="javascript:alert(1)"),
        {"labels": {"alertname": "NoModel"}, "annotations": {}, "state": "pending"},
    ]

    def handler(request: httpx2.Request) -> httpx2.Response:
        return answer({"alerts": listed}) if request.url.path.endswith("/alerts") else healthy(request)

    alerts = open_client(handler).get("/api/status").json()["alerts"]
    assert [(a["runbook"], a["dashboard"]) for a in alerts] == [
        ("/runbooks/flight-delay/Burn", "/d/one/one?var-model=a"),
        ("http://elsewhere.test/x", "/d/model/a-model?var-model=flight-delay"),
        (None, "/d/model/a-model?var-model=flight-delay"),
        (None, None),
    ]
