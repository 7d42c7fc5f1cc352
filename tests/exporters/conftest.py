"""Shared by the sidecar's tests: a turned clock, and a real server on a port from the system."""

from __future__ import annotations

import http.server
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
import uvicorn

# Tests are imported without packages; this folder's helpers are plain modules beside them.
sys.path.insert(0, str(Path(__file__).parent))

import specs
from doubled import Double

from modelwatch.exporters import baseline
from modelwatch.exporters.connections import guarded
from modelwatch.exporters.intake import Limits
from modelwatch.exporters.listening import bind
from modelwatch.exporters.profile import build_profile
from modelwatch.exporters.server import create_app
from modelwatch.exporters.sidecar import Sidecar


class FakeClock:
    """Both clocks stand still until a test turns them."""

    def __init__(self) -> None:
        self.now, self.epoch = 1000.0, 1_700_000_000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.epoch

    def boot(self) -> str:
        return "one"

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.epoch += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of 2,000 quiet rows, to be read only."""
    return specs.write_reference(tmp_path_factory.mktemp("data") / "reference.csv", 2000)


@pytest.fixture(scope="module", autouse=True)
def built_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """Profiles are built in this process: one of its own, as users have it, is looked at in ``test_building``."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.stem != "test_building":
            patch.setattr(baseline, "build_apart", build_profile)
        yield


Serve = Callable[..., httpx2.Client]


class _Quiet(uvicorn.Server):
    """Runs in a thread, where signals cannot be caught."""


@pytest.fixture(scope="session")
def serve_app() -> Iterator[Serve]:
    """``serve_app(sidecar, limits, **options of create_app)`` is a client of a real server for it."""
    running: list[tuple[uvicorn.Server, threading.Thread, httpx2.Client]] = []

    def start(sidecar: Sidecar, limits: Limits | None = None, **options: object) -> httpx2.Client:
        socket = bind("127.0.0.1:0")
        app = create_app(sidecar, limits, **options)  # type: ignore[arg-type]
        config = uvicorn.Config(
            app, http=guarded(sidecar.one_too_many), log_config=None, access_log=False, lifespan="off"
        )
        server = _Quiet(config)
        thread = threading.Thread(target=server.run, args=([socket],), daemon=True)
        thread.start()
        client = httpx2.Client(base_url=f"http://127.0.0.1:{socket.getsockname()[1]}", timeout=30)
        running.append((server, thread, client))
        return client

    yield start
    for server, thread, client in running:
        client.close()
        server.should_exit = True
        thread.join(10)


def eventually(check: Callable[[], object], seconds: float = 30) -> None:
    """Wait until ``check`` gives something true."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def wait() -> Callable[..., None]:
    return eventually


@pytest.fixture
def double() -> Iterator[Double]:
    found = Double()
    yield found
    found.hold.set()
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def dead() -> str:
    """A URL where nothing listens."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.server_close()
    return f"http://127.0.0.1:{server.server_address[1]}"
