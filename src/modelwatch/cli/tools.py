"""modelwatch tools: the real programs, pinned."""

from __future__ import annotations

import argparse

from modelwatch.cli.command import Command, Streams


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="install|status|path ...",
        help="see `modelwatch tools install --help`",
    )


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.compose.parts.cli import main

    return main(args.arguments or ["status"], streams.out, streams.err)


COMMAND = Command(
    "tools",
    "Fetch, build and find the real programs: Prometheus, Alertmanager, Collector, Jaeger, pint.",
    _configure,
    _run,
    (
        "modelwatch tools                         # which are here",
        "modelwatch tools install --core          # what the core of the stack needs, in seconds",
        "modelwatch tools install --all           # all of them; the Go builds take a quarter of an hour, once",
        "modelwatch tools path promtool",
    ),
)
