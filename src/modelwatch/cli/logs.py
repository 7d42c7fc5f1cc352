"""modelwatch logs: what the parts said."""

from __future__ import annotations

import argparse

from modelwatch.cli.command import Command, Streams


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="prometheus, alertmanager, exporter, demo, ... (default: all)"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.compose import watching

    return watching.logs(streams.cwd, args.parts, args.follow, streams.out, err=streams.err)


COMMAND = Command(
    "logs",
    "Show what the parts of the stack said last.",
    _configure,
    _run,
    ("modelwatch logs", "modelwatch logs prometheus demo -f"),
)
