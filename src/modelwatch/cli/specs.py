"""Load the specs for a command and print what is wrong with them."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path

from modelwatch.cli.command import Streams
from modelwatch.model import render
from modelwatch.model.addresses import Addresses, PortError
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.load import load_fleet
from modelwatch.model.types import Fleet, Model


def shown(models: Path, streams: Streams) -> Path:
    """The folder as the person named it, so that messages name files as they would."""
    return models if models.is_absolute() or streams.cwd == Path.cwd() else streams.cwd / models


def report(diagnostics: Sequence[Diagnostic], streams: Streams, form: str = "text") -> None:
    """Findings in the wanted format: text and github to standard output as they are read there, json always a list."""
    if form == "json":
        streams.say(render.as_json(diagnostics))
    elif form == "github":
        streams.say(*filter(None, [render.as_github(diagnostics)]))
    elif diagnostics:
        streams.say(render.as_text(diagnostics, colour=streams.colour))


def fleet_or_none(args: argparse.Namespace, streams: Streams, addresses: Addresses | None = None) -> Fleet | None:
    """The fleet, or None after every problem has been printed to standard error."""
    loaded = load_fleet(shown(args.models, streams), addresses)
    if loaded.fleet is None:
        errors = [found for found in loaded.diagnostics if found.severity == "error"]
        print(render.as_text(errors, colour=False), file=streams.err)
    return loaded.fleet


def named(fleet: Fleet, name: str) -> Model | None:
    return next((model for model in fleet.models if model.name == name), None)


def no_model(fleet: Fleet, args: argparse.Namespace, streams: Streams) -> int:
    """Say that there is no such model, and what was meant."""
    names = [model.name for model in fleet.models]
    near = difflib.get_close_matches(args.model, names, n=1)
    return streams.fail(
        f"there is no model {args.model!r} in {args.models}",
        f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}",
    )


def native_addresses(streams: Streams) -> Addresses:
    """Raises PortError."""
    return Addresses.native(streams.environ)


__all__ = ["PortError", "fleet_or_none", "named", "native_addresses", "no_model", "report", "shown"]
