"""modelwatch status: what runs."""

from __future__ import annotations

import argparse

from modelwatch.cli.command import Command, Streams, format_flag


def _configure(parser: argparse.ArgumentParser) -> None:
    format_flag(parser, "text", "json")
    parser.add_argument(
        "--exporter",
        metavar="URL",
        help="only this drift sidecar, wherever it runs, such as one that `modelwatch exporter` has started",
    )


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.compose import watching

    if args.exporter:
        return watching.sidecar_status(args.exporter, streams.out, args.format, err=streams.err)
    return watching.status(streams.cwd, streams.out, args.format, environ=streams.environ, err=streams.err)


COMMAND = Command(
    "status",
    "Show each part of the stack: ready or not, since when, where, and how far the builds are, and where services send their traces; without a stack here, a "
    "drift sidecar that answers at its usual address, and whose it is. Of each model: which features drift, in which "
    "window and how far, and which have too many missing, new or out-of-range values. Exit 0 when the core of the stack "
    "(or the sidecar of --exporter) is ready, 1 when it is not or does not run, 2 when the question makes no sense.",
    _configure,
    _run,
    (
        "modelwatch status",
        "modelwatch status --format json",
        "modelwatch status --exporter http://127.0.0.1:9280",
    ),
)
