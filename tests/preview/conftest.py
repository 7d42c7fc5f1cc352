"""A preview whose Prometheus is a function, and folders of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from starlette.testclient import TestClient

from modelwatch.compose.preview.app import Settings, create_app

if TYPE_CHECKING:
    from pathlib import Path

Handler = Callable[[httpx2.Request], httpx2.Response]


def board(uid: str = "one", title: str = "One", **more: Any) -> str:
    return json.dumps({"uid": uid, "title": title, "tags": ["k"], "panels": [], "schemaVersion": 41, **more})


def answer(data: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"status": "success", "data": data})


def _healthy(request: httpx2.Request) -> httpx2.Response:
    if request.url.path.endswith("/buildinfo"):
        return answer({"version": "3.1.0"})
    if request.url.path.endswith("/alerts"):
        return answer({"alerts": []})
    return answer({"resultType": "vector", "result": []})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "boards" / "sub").mkdir(parents=True)
    (tmp_path / "boards" / "one.json").write_text(board())
    (tmp_path / "runbooks" / "flight-delay").mkdir(parents=True)
    (tmp_path / "runbooks" / "flight-delay" / "Burn.md").write_text("# Burn: the budget of `flight-delay`\n\ntext\n")
    return tmp_path


@pytest.fixture
def open_client(folder: Path) -> Iterator[Callable[..., TestClient]]:
    """``open_client(handler)`` is a client of a preview whose Prometheus is ``handler``."""
    opened: list[TestClient] = []

    def make(handler: Handler = _healthy, **settings: Any) -> TestClient:
        made = Settings(folder / "boards", "http://prometheus.test:9090", folder / "runbooks", **settings)
        client = TestClient(create_app(made, httpx2.MockTransport(handler)), base_url="http://localhost")
        opened.append(client.__enter__())
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def healthy() -> Handler:
    """Answers as a Prometheus without data or alerts."""
    return _healthy
