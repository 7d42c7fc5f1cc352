"""modelwatch down: stop what up started."""

from __future__ import annotations

import argparse

from modelwatch.cli.command import Command, Streams


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", action="store_true", help="also remove what the stack stored")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.compose import stack

    return stack.down(streams.cwd, streams.out, data=args.data, err=streams.err)


COMMAND = Command(
    "down", "Stop the stack; its data stays.", _configure, _run, ("modelwatch down", "modelwatch down --data")
)
