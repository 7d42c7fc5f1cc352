"""modelwatch up: the whole stack, running."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from modelwatch.cli import ignored, specs
from modelwatch.cli.command import DEFAULT_MODELS, FINDINGS, OK, Command, Streams, models_flag
from modelwatch.model.addresses import DEFAULT_PORTS, Addresses, PortError, variable
from modelwatch.model.types import Fleet


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

    # First: what is made below is not for git, however the start ends.
    streams.say(*ignored.keep_private(streams.cwd))
    code = stack.up(
        render,
        fleet=found,
        models_dir=specs.shown(args.models, streams),
        root=streams.cwd,
        environ=streams.environ,
        wait=args.wait,
        out=streams.out,
        err=streams.err,
    )
    if code == OK and args.models == DEFAULT_MODELS:
        streams.say(*behind(fleet, streams.cwd))
    return code


def behind(fleet: Fleet, folder: Path) -> tuple[str, ...]:
    """A line where the ``generated/`` of a folder is not what its specs give: the stack runs from the specs alone."""
    from modelwatch import writer
    from modelwatch.generate import generate

    out = folder / "generated"
    if not (out / writer.MANIFEST).is_file():
        return ()
    try:
        changes = writer.compare(out, generate(dataclasses.replace(fleet, addresses=Addresses())))
    except (writer.NotOursError, OSError):
        # `generate` tells what is in its way; nothing here depends on it.
        return ()
    return ("generated/ is behind models/: run `modelwatch generate` before you commit",) if changes else ()


def _ports() -> tuple[str, ...]:
    width = max(len(variable(part)) for part in DEFAULT_PORTS)
    return tuple(f"  {variable(part):<{width}}  {port}" for part, port in DEFAULT_PORTS.items())


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
    ("", "ports, each on 127.0.0.1, and the variable that moves it:", *_ports()),
)
