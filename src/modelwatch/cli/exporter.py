"""modelwatch exporter: the drift sidecar."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelwatch.cli import specs
from modelwatch.cli.command import FAILED, Command, Streams, models_flag


def _configure(parser: argparse.ArgumentParser) -> None:
    models_flag(parser)
    parser.add_argument("--state", type=Path, metavar="DIR", help="folder that counts are kept in over restarts")
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="default: 127.0.0.1:9180, with the port of MODELWATCH_PORT_EXPORTER where that is set",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="rows need Authorization: Bearer with a token (one a line) of FILE",
    )
    parser.add_argument(
        "--protect-metrics", action="store_true", help="metrics and scores need the token too; health never does"
    )
    parser.add_argument(
        "--logs",
        action="append",
        default=[],
        metavar="DIR_OR_GLOB",
        help="prediction logs (JSON Lines, each row with its model) to follow; may be repeated",
    )


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.exporters.threads import one_thread

    one_thread()
    from modelwatch.exporters.app import run
    from modelwatch.model.load import load_fleet

    if args.protect_metrics and not args.token_file:
        return streams.fail("--protect-metrics asks for a token", "name the file that holds it: --token-file FILE")
    try:
        listen = args.listen or specs.native_addresses(streams).internal["exporter"]
    except specs.PortError as error:
        return streams.fail(str(error))
    models = specs.shown(args.models, streams)
    fleet = specs.fleet_or_none(args, streams)
    if fleet is None:
        return FAILED
    return run(
        fleet,
        args.state,
        listen,
        reload=lambda: load_fleet(models).unwrap(),
        token_file=args.token_file,
        protect_metrics=args.protect_metrics,
        logs=args.logs,
    )


COMMAND = Command(
    "exporter",
    "Run the drift sidecar: takes features and predictions over HTTP, exposes drift, missing and out-of-range ratios.",
    _configure,
    _run,
    ("modelwatch exporter --state .modelwatch/exporter", "curl -s http://127.0.0.1:9180/v1/models"),
)
