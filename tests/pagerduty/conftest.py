"""A desk on a clock that only the test moves, and a client that talks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from modelwatch.compose.pagerduty.app import create_app
from modelwatch.compose.pagerduty.desk import Desk
from modelwatch.compose.pagerduty.journal import Journal

KEY = "0123456789abcdef0123456789ab7f3c"
Event = Callable[..., dict[str, Any]]


class Clock:
    """Starts at noon; ``forward`` moves both the wall clock and the monotonic one."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def forward(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> datetime:
        return datetime(2026, 1, 31, 12, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def event() -> Event:
    """``event("resolve", dedup_key="x", payload={"summary": "y"})``: a valid event with some fields replaced."""

    def make(action: str = "trigger", **changes: Any) -> dict[str, Any]:
        payload = {
            "summary": "ModelDown: flight-delay",
            "source": "flight-delay",
            "severity": "critical",
            **changes.pop("payload", {}),
        }
        return {"routing_key": KEY, "dedup_key": "page-1", "event_action": action, "payload": payload, **changes}

    return make


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "pagerduty.jsonl"


@pytest.fixture
def desk(state: Path, clock: Clock) -> Iterator[Desk]:
    journal = Journal(state)
    yield Desk(journal, clock=clock.now, monotonic=clock.monotonic)
    journal.close()


@pytest.fixture
def client(desk: Desk) -> TestClient:
    return TestClient(create_app(desk), base_url="http://127.0.0.1:8089", raise_server_exceptions=False)
