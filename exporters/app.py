"""The sidecar as a process: state, loading in the background, signals, and an end that keeps what was counted."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from modelwatch.exporters import hangup, memory
from modelwatch.exporters.access import TokenError, TokenFile
from modelwatch.exporters.buffers import BUFFERS
from modelwatch.exporters.connections import guarded
from modelwatch.exporters.ingest import Rejection, Table
from modelwatch.exporters.ledger import Mark
from modelwatch.exporters.listening import ListenError, bind, is_loopback, parse_listen
from modelwatch.exporters.monitor import NotKeptError
from modelwatch.exporters.server import create_app
from modelwatch.exporters.sidecar import NotLoadedError, Sidecar, UnknownModelError
from modelwatch.exporters.state import State, StateError
from modelwatch.exporters.tailing.tailer import LaterError, Tailer
from modelwatch.model import types as t
from modelwatch.model.diagnostics import SpecError

DEFAULT_LISTEN = "127.0.0.1:9180"
KEEP_SECONDS = 1.0
# A model without its profile is looked after so often.
RETRY_SECONDS = 5.0
# What large requests took is given back so often.
GIVE_BACK_SECONDS = 10.0
# A thread that counts a large request lets go of the interpreter so often: with Python's 5 ms, small requests beside it
# wait for that several times.
SWITCH_SECONDS = 0.0005
_log = logging.getLogger("modelwatch.exporters")


def run(
    fleet: t.Fleet,
    state_dir: Path | None,
    listen: str = DEFAULT_LISTEN,
    *,
    reload: Callable[[], t.Fleet] | None = None,
    listening: Callable[[str], None] | None = None,
    token_file: Path | None = None,
    protect_metrics: bool = False,
    logs: Sequence[str] = (),
) -> int:
    """Serve until SIGTERM or SIGINT; the exit code is 0, or 2 when the sidecar could not run.

    SIGHUP loads profiles anew, of the fleet that ``reload`` gives where it is given; what it raises is logged, and
    nothing changes. ``listening`` is told the URL as soon as connections are taken. Rows are taken from who brings a
    token of ``token_file``, where there is one, and read from ``logs``, which are folders or patterns.
    """
    hangup.remember()
    _log_to_stderr()
    memory.hold_little()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with contextlib.ExitStack() as held:
            state = State(state_dir) if state_dir else None
            if state:
                held.enter_context(state.held())
            else:
                _log.warning("no --state: counts end with this process")
            tokens = TokenFile(token_file) if token_file else None
            bound = held.enter_context(contextlib.closing(bind(listen)))
            host, port = parse_listen(listen)[0], bound.getsockname()[1]
            if not is_loopback(host):
                may = "read metrics" if tokens else "send rows and read metrics"
                if not (tokens and protect_metrics):
                    _log.warning("listening on %s: whoever reaches it can %s; nothing asks who", listen, may)
            url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            sidecar = Sidecar(fleet, state, hurried=True)
            app = functools.partial(create_app, sidecar, tokens=tokens, protect_metrics=protect_metrics)
            kept = state_dir / "offsets.json" if state_dir else None
            tailer = Tailer(logs, _Book(sidecar, state), kept, skipped=sidecar.skipped) if logs else None
            announce = functools.partial(listening or _announce, url)
            _serve(sidecar, app, tailer, bound, reload=reload, announce=announce, keeps=state is not None)
            hangup.remember()  # the event loop has given the signal back, and counts are still to be kept
            sidecar.save()
            sidecar.samples.close()
    except (StateError, ListenError, TokenError) as error:
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


class _Book:
    """What the tailer hands its rows to."""

    def __init__(self, sidecar: Sidecar, state: State | None) -> None:
        self._sidecar, self._state = sidecar, state

    def mark(self, model: str, file: int) -> Mark | None:
        with self._later():
            return self._sidecar.mark(model, file)

    def count(self, model: str, table: Table, mark: Mark) -> Mapping[int, Rejection]:
        with self._later():
            try:
                return self._sidecar.ingest(model, table, mark).errors
            except UnknownModelError:
                raise LaterError(f"{model} has just been taken out of the specs") from None

    def flush(self) -> bool:
        return self._sidecar.keep()

    def failed(self, operation: str, path: Path, reason: str) -> None:
        if self._state:
            self._state.failed(operation, path, reason)

    @contextlib.contextmanager
    def _later(self) -> Iterator[None]:
        try:
            yield
        except NotLoadedError as error:
            raise LaterError(f"the reference profile of {error} is being loaded") from None
        except NotKeptError as error:
            raise LaterError(str(error)) from None


def _serve(
    sidecar: Sidecar,
    make_app: Callable[..., Starlette],
    tailer: Tailer | None,
    bound: socket.socket,
    *,
    reload: Callable[[], t.Fleet] | None,
    announce: Callable[[], None],
    keeps: bool,
) -> None:
    server: _Server

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def start(work: Callable[[], None]) -> None:
            # A daemon: who stops the sidecar does not wait for a profile that is half built.
            threading.Thread(target=work, daemon=True).start()

        def stop(number: signal.Signals) -> None:
            _log.info("%s: ending%s", number.name, "; what was counted is kept" if keeps else "")
            server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop, number)
        loop.add_signal_handler(signal.SIGHUP, lambda: start(lambda: _reload(sidecar, reload)))
        start(lambda: _begin(sidecar, reload))
        tasks = [loop.create_task(work) for work in (_keep(sidecar), _give_back())]
        ending = threading.Event()
        start(lambda: _retry(sidecar, ending))
        start(lambda: _warm(sidecar))
        reader = threading.Thread(target=tailer.run, args=(ending,), daemon=True) if tailer else None
        if reader:
            reader.start()
        announce()
        yield
        ending.set()
        if reader:
            await asyncio.to_thread(reader.join, 10)
        for task in tasks:
            task.cancel()

    config = uvicorn.Config(
        make_app(lifespan=lifespan),
        http=guarded(sidecar.one_too_many),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    server.run(sockets=[bound])


async def _keep(sidecar: Sidecar) -> None:
    while True:
        await asyncio.sleep(KEEP_SECONDS)
        try:
            await asyncio.to_thread(sidecar.keep)
        except Exception:  # whatever it was this second, the next one wants its rows kept too
            _log.exception("what was counted could not be kept on disk")


async def _give_back() -> None:
    while True:
        await asyncio.sleep(GIVE_BACK_SECONDS)
        BUFFERS.give_back()
        await asyncio.to_thread(memory.give_back)


def _reload(sidecar: Sidecar, reload: Callable[[], t.Fleet] | None) -> None:
    _log.info("loading specs and profiles anew")
    try:
        fleet = reload() if reload else None
    except Exception as error:  # the loader is somebody else's, and a running sidecar outlives a broken spec
        problem = _problem(error)
        sidecar.not_reloaded(problem)
        _log.error("the specs cannot be loaded, so the ones in use stay: %s", problem)
        return
    sidecar.load(fleet)


def _problem(error: Exception) -> str:
    """A line for each problem, with how to mend it."""
    if isinstance(error, SpecError):
        lines = str(error).splitlines()
        if len(lines) == len(error.diagnostics):
            helps = (found.help for found in error.diagnostics)
            return "\n".join(f"{line}; help: {help}" if help else line for line, help in zip(lines, helps, strict=True))
    return str(error) or type(error).__name__


def _retry(sidecar: Sidecar, ending: threading.Event) -> None:
    """Take up reference files that have been mended."""
    while not ending.wait(RETRY_SECONDS):
        try:
            sidecar.retry()
        except Exception:  # the next look may go better
            _log.exception("reference profiles could not be loaded again")


def _begin(sidecar: Sidecar, reload: Callable[[], t.Fleet] | None) -> None:
    sidecar.load()
    if hangup.came():
        _reload(sidecar, reload)


def _warm(sidecar: Sidecar) -> None:
    """Work critical values out for as long as the process lives, so that nobody who asks for scores waits for them."""
    while sidecar.wanted.wait():
        try:
            sidecar.warm()
        except Exception:  # the next turn may go better
            _log.exception("critical values could not be worked out")
            time.sleep(RETRY_SECONDS)
            sidecar.wanted.set()
