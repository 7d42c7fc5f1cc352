"""python -m demo [serve|replay|train|all]"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow

from demo import console, dataset
from demo.dataset import DataError
from demo.models import RECIPES
from modelwatch.model.addresses import LOOPBACK, PortError, ports
from modelwatch.model.diagnostics import SpecError

log = logging.getLogger("demo")

VERSION = "2013.06"
"""Of the models: they have seen the flights up to June 2013."""
_MORNING = 5 * 3600
SPECS = Path(__file__).resolve().parent.parent / "models"

_EXAMPLES = """\
examples:
  python -m demo all                  train if needed, serve and replay until Ctrl-C
  python -m demo serve                only the service, on 127.0.0.1:8000
  python -m demo replay --speed 3600  an hour of flights each second
  python -m demo train                make the models and their baselines in demo/data

environment:
  MODELWATCH_PORT_DEMO, _EXPORTER, _OTLP_HTTP   ports of the service, the drift sidecar and the Collector
  MODELWATCH_HOST                               where the service listens (127.0.0.1)
  MODELWATCH_DEMO_HOST                          where the replay finds it (127.0.0.1)
  MODELWATCH_EXPORTER_URL                       the sidecar, where it is not on this machine
  MODELWATCH_DEMO_SPEED                         simulated seconds in a second (600)
"""


class UsageError(Exception):
    """Something that the caller can mend; the message says how."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Three models on the flights of New York in 2013, watched by modelwatch.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", default="all", choices=("serve", "replay", "train", "all"))
    parser.add_argument("--speed", type=float, help="simulated seconds in a second")
    parser.add_argument("--from", dest="start", type=date.fromisoformat, help="day to start from, such as 2013-10-01")
    parser.add_argument("--once", action="store_true", help="stop at the end of December instead of starting again")
    parser.add_argument("--data", type=Path, help="folder of the models and baselines (demo/data)")
    options = parser.parse_args(arguments)
    # pyarrow would turn a SIGTERM while it reads into an exception of its own.
    pyarrow.enable_signal_handlers(False)
    try:
        match options.command:
            case "train":
                return train(options.data)
            case "serve":
                return serve(options.data)
            case "replay":
                return replay(_speed(options.speed), options.start, once=options.once)
            case _:
                return everything(sys.argv[1:] if arguments is None else arguments)
    except (DataError, PortError, SpecError, UsageError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def train(folder: Path | None) -> int:
    """Make the models and their baselines, unless they are there."""
    from demo import artifacts  # noqa: PLC0415  # only training and serving need scikit-learn

    found = artifacts.ensure(folder or artifacts.FOLDER, say)
    for name, scores in found.scores.items():
        say(f"{name}: " + ", ".join(f"{what} {value:.3f}" for what, value in scores.items()))
    return 0


def serve(folder: Path | None) -> int:
    """Serve until SIGTERM or Ctrl-C. /healthz answers at once, /readyz when the models are there."""
    import uvicorn  # noqa: PLC0415  # the replay does without
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    from demo.engine import Engine, Loaded  # noqa: PLC0415
    from demo.service import Service  # noqa: PLC0415
    from modelwatch.exporters.client import PredictionLog  # noqa: PLC0415
    from modelwatch.otel import setup  # noqa: PLC0415

    dataset.folder()
    # One row is too little work to share: scikit-learn's threads would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    found = ports(os.environ)
    listener = _listen(os.environ.get("MODELWATCH_HOST") or LOOPBACK, found["demo"])
    registry = CollectorRegistry()
    # The specs set up the log first: JSON lines in files. What people read stands beside it.
    watches = {name: setup(SPECS / f"{name}.yaml", version=VERSION, registry=registry) for name in RECIPES}
    console.install()
    sidecar = os.environ.get("MODELWATCH_EXPORTER_URL") or f"http://{LOOPBACK}:{found['exporter']}"
    logs = {name: PredictionLog(name, url=sidecar, registry=registry) for name in RECIPES}

    def load() -> Loaded:
        from demo import artifacts  # noqa: PLC0415  # scikit-learn takes seconds, and /healthz must not wait

        data = dataset.load()
        return Loaded(artifacts.ensure(folder or artifacts.FOLDER, log.info, lambda: data), data)

    service = Service(Engine(watches, logs), registry, load)
    config = uvicorn.Config(
        service.app(),
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    log.info("serving on http://%s:%d", *listener.getsockname()[:2])
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host}:{port} ({error.strerror}): stop what is there or set MODELWATCH_PORT_DEMO"
        ) from error
    return listener


def replay(speed: float, start: date | None, *, once: bool) -> int:
    """Replay until SIGTERM or Ctrl-C; at the end of December start again."""
    from demo import replay as player  # noqa: PLC0415

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    host = os.environ.get("MODELWATCH_DEMO_HOST") or LOOPBACK
    port = ports(os.environ)["demo"]
    flights = dataset.load().flights.between(date(dataset.YEAR, 7, 1), date(dataset.YEAR + 1, 1, 1))
    # The night before the first morning would be a quiet start.
    flights = flights.where(flights.departed >= dataset.midnight(date(dataset.YEAR, 7, 1)) + _MORNING)
    if not player.wait_until_ready(host, port, say, stop):
        return 0
    moment = player.resume(host, port) if start is None else float(dataset.midnight(start) + _MORNING)
    found = player.Replay(
        flights,
        player.HttpSender(host, port),
        speed=speed,
        start=moment,
        once=once,
        say=say,
        stop=stop,
    )
    say(f"replaying {len(flights):,} flights at {speed:g} times real time")
    found.run()
    say(f"{found.state}: {found.counts.answered:,} predictions, {found.counts.labels:,} labels")
    return 0


def _speed(given: float | None) -> float:
    from demo.replay import SPEED  # noqa: PLC0415

    text = os.environ.get("MODELWATCH_DEMO_SPEED", "")
    try:
        speed = given if given is not None else float(text) if text else SPEED
    except ValueError:
        raise UsageError(f"MODELWATCH_DEMO_SPEED={text!r} is no number: give simulated seconds in a second") from None
    if not 0 < speed <= 100_000:
        raise UsageError(f"a speed of {speed:g} cannot be kept: give more than 0 and at most 100000")
    return speed


def everything(arguments: Sequence[str]) -> int:
    """The service and the replay as two processes; both end when one does."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    rest = [argument for argument in arguments if argument != "all"]
    parts = [subprocess.Popen([sys.executable, "-m", "demo", part, *rest]) for part in ("serve", "replay")]
    try:
        while all(part.poll() is None for part in parts) and not stop.wait(0.5):
            pass
    except KeyboardInterrupt:
        pass
    finally:
        for part in parts:
            part.terminate()
        codes = [part.wait() for part in parts]
    return max((code for code in codes if code > 0), default=0)


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
