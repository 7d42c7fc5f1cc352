"""modelwatch status: what runs."""

from __future__ import annotations

import argparse

from modelwatch.cli.command import Command, Streams, format_flag


def _configure(parser: argparse.ArgumentParser) -> None:
    format_flag(parser, "text", "json")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.compose import watching

    return watching.status(streams.cwd, streams.out, args.format, environ=streams.environ, err=streams.err)


COMMAND = Command(
    "status",
    "Show each part of the stack: ready or not, since when, where, and how far the builds are.",
    _configure,
    _run,
    ("modelwatch status", "modelwatch status --format json"),
)
