"""modelwatch up: the whole stack, running."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping

from modelwatch.cli import specs
from modelwatch.cli.command import FINDINGS, Command, Streams, models_flag
from modelwatch.model.addresses import Addresses, PortError


def _configure(parser: argparse.ArgumentParser) -> None:
    models_flag(parser)
    parser.add_argument(
        "--wait",
        choices=("core", "all"),
        default="core",
        help="wait for the core, or also for the parts that are built first (default: core)",
    )


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.compose import stack
    from modelwatch.compose.keys import RuntimeSecrets
    from modelwatch.generate import generate

    try:
        fleet = specs.fleet_or_none(args, streams, specs.native_addresses(streams))
    except PortError as error:
        return streams.fail(str(error))
    if fleet is None:
        return FINDINGS
    found = fleet

    def render(addresses: Addresses, secrets: RuntimeSecrets) -> Mapping[str, str]:
        moved = dataclasses.replace(found, addresses=addresses)
        doubles = {name: url for name in found.stack.receivers if (url := secrets.pagerduty_url(name))}
        return generate(moved, doubles)

    return stack.up(
        render,
        fleet=found,
        models_dir=specs.shown(args.models, streams),
        root=streams.cwd,
        environ=streams.environ,
        wait=args.wait,
        out=streams.out,
        err=streams.err,
    )


COMMAND = Command(
    "up",
    "Start the whole stack, or bring a running one up to date with the specs.",
    _configure,
    _run,
    (
        "modelwatch up",
        "modelwatch up --wait all                 # also wait for the Collector and Jaeger",
        "MODELWATCH_PORT_PREVIEW=3333 modelwatch up",
    ),
)
