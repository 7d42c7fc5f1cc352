"""The sidecar as a process: state, loading in the background, signals, and an end that keeps what was counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from modelwatch.exporters.listening import ListenError, bind, is_loopback, parse_listen
from modelwatch.exporters.server import create_app
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.state import State, StateError
from modelwatch.model import types as t

DEFAULT_LISTEN = "127.0.0.1:9180"
SAVE_SECONDS = 2.0
_log = logging.getLogger("modelwatch.exporters")


def run(
    fleet: t.Fleet,
    state_dir: Path | None,
    listen: str = DEFAULT_LISTEN,
    *,
    reload: Callable[[], t.Fleet] | None = None,
    listening: Callable[[str], None] | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT; the exit code is 0, or 2 when the sidecar could not run.

    SIGHUP loads profiles anew, of the fleet that ``reload`` gives where it is given; what it raises is logged, and
    nothing changes. ``listening`` is told the URL as soon as connections are taken.
    """
    _log_to_stderr()
    try:
        with contextlib.ExitStack() as held:
            state = State(state_dir) if state_dir else None
            if state:
                held.enter_context(state.held())
            else:
                _log.warning("no --state: counts end with this process")
            bound = held.enter_context(contextlib.closing(bind(listen)))
            host, port = parse_listen(listen)[0], bound.getsockname()[1]
            if not is_loopback(host):
                _log.warning(
                    "listening on %s: whoever reaches it can send rows and read metrics; nothing asks who", listen
                )
            url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            sidecar = Sidecar(fleet, state)
            _serve(sidecar, bound, reload, lambda: (listening or _announce)(url))
            sidecar.save()
            sidecar.samples.close()
    except (StateError, ListenError) as error:
        _log.error("%s", error)
        return 2
    return 0


def _announce(url: str) -> None:
    _log.info("listening on %s", url)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.handlers = [handler]
    _log.setLevel(logging.INFO)


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would end the process by them, before counts are kept."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _serve(
    sidecar: Sidecar, bound: socket.socket, reload: Callable[[], t.Fleet] | None, announce: Callable[[], None]
) -> None:
    server: _Server

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def start(work: Callable[[], None]) -> None:
            # A daemon: who stops the sidecar does not wait for a profile that is half built.
            threading.Thread(target=work, daemon=True).start()

        def stop() -> None:
            server.should_exit = True

        loop.add_signal_handler(signal.SIGTERM, stop)
        loop.add_signal_handler(signal.SIGINT, stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: start(lambda: _reload(sidecar, reload)))
        start(sidecar.load)
        saver = loop.create_task(_save(sidecar))
        announce()
        yield
        saver.cancel()

    app = create_app(sidecar, lifespan=lifespan)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, lifespan="on", timeout_graceful_shutdown=5
    )
    server = _Server(config)
    server.run(sockets=[bound])


async def _save(sidecar: Sidecar) -> None:
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        await asyncio.to_thread(sidecar.save)


def _reload(sidecar: Sidecar, reload: Callable[[], t.Fleet] | None) -> None:
    _log.info("loading specs and profiles anew")
    try:
        fleet = reload() if reload else None
    except Exception as error:  # the loader is somebody else's, and a running sidecar outlives a broken spec
        _log.error("the specs cannot be loaded, so the ones in use stay: %s", error)
        return
    sidecar.load(fleet)
