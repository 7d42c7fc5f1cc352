"""``python -m modelwatch.compose.pagerduty``: flags, the socket, and the run of the server."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from modelwatch.model.addresses import Addresses, PortError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_STATE = Path(".modelwatch/pagerduty.jsonl")
DESCRIPTION = """\
A local double of PagerDuty's Events API v2. It enforces the documented limits, keeps incidents, and shows them on a
page. Pages stay on this machine; nobody is called. Point Alertmanager's pagerduty_url at http://HOST:PORT/v2/enqueue.
"""
EXAMPLES = """\
examples:
  python -m modelwatch.compose.pagerduty --listen 127.0.0.1:8089 --state .modelwatch/pagerduty.jsonl
  python -m modelwatch.compose.pagerduty --rate-limit 5       # see how senders take a 429
"""


def main(argv: Sequence[str], stdout: TextIO, stderr: TextIO) -> int:
    """Serve until a signal. Exit status: 0 stopped, 2 could not run."""
    # Here, so that a missing extra is one line and not a traceback.
    try:
        import uvicorn  # noqa: PLC0415 - see above

        from modelwatch.compose.pagerduty.app import create_app  # noqa: PLC0415 - see above
        from modelwatch.compose.pagerduty.desk import Desk  # noqa: PLC0415 - see above
        from modelwatch.compose.pagerduty.journal import Journal, JournalError  # noqa: PLC0415 - see above
        from modelwatch.compose.pagerduty.throttle import CALLS_PER_MINUTE  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        return _fail(stderr, f"{error.name} is not installed: pip install 'modelwatch[kit]'")
    try:
        arguments = _parser(CALLS_PER_MINUTE, Addresses.native(os.environ).internal["pagerduty"]).parse_args(argv)
        listener = _bind(*arguments.listen)
    except PortError as error:
        return _fail(stderr, str(error))
    except OSError as error:
        host, port = arguments.listen
        # The socket module repeats the address in strerror; a name that cannot be resolved has no errno of the system.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        return _fail(stderr, f"cannot listen on {host}:{port}: {reason}: choose another place with --listen")
    try:
        journal = Journal(arguments.state)
        desk = Desk(journal, rate_limit=arguments.rate_limit)
    except JournalError as error:
        return _fail(stderr, str(error))
    app = create_app(desk, arguments.allow_host, arguments.moved)
    stdout.write(f"PagerDuty double: http://{_address(listener)} (state: {arguments.state})\n")
    stdout.flush()
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3, lifespan="off"
    )
    # uvicorn stops well on a signal and then raises it again.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    journal.close()
    return 0


def _parser(calls_per_minute: int, listen: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelwatch.compose.pagerduty",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--listen",
        type=_listen,
        default=listen,
        metavar="HOST:PORT",
        help=f"where to listen; port 0 takes a free one (default {listen}, or MODELWATCH_PORT_PAGERDUTY)",
    )
    parser.add_argument(
        "--state", type=Path, default=DEFAULT_STATE, metavar="FILE", help=f"JSON Lines file (default {DEFAULT_STATE})"
    )
    parser.add_argument(
        "--rate-limit",
        type=_calls,
        default=calls_per_minute,
        metavar="N",
        help=f"calls a minute per routing key, then 429; 0 for no limit (default {calls_per_minute}, as PagerDuty)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name, besides the loopback's, by which a browser may open the page; may be repeated",
    )
    parser.add_argument(
        "--moved",
        type=_moved,
        default={},
        metavar="OLD=NEW,...",
        help="places, each HOST:PORT, whose parts are elsewhere now: the page's links to the old ones lead to the new",
    )
    return parser


def _moved(text: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, text.split(",")):
        old, _, new = pair.partition("=")
        for place in (old, new):
            _listen(place)
        found[old] = new
    return found


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as 127.0.0.1:8089")
    return host, int(port)


def _calls(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of calls, 0 or more")
    return int(text)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _fail(stderr: TextIO, message: str) -> int:
    stderr.write(f"error: {message}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
