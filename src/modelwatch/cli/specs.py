"""Load the specs for a command and print what is wrong with them."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path

from modelwatch.cli.command import FINDINGS, Streams
from modelwatch.model import render
from modelwatch.model.addresses import Addresses, PortError
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.load import load_fleet
from modelwatch.model.one import One, load_one
from modelwatch.model.types import Fleet, Model, Stack


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


def one(args: argparse.Namespace, streams: Streams, *, baseline: bool = True) -> tuple[Model, Stack] | int:
    """The model that ``args.model`` names and the stack, or the exit code after everything that keeps it from being used is told.

    Errors in the files of other models are one warning. Without ``baseline``, nothing is asked of the model's baseline.
    """
    found = load_one(shown(args.models, streams), args.model, baseline=baseline)
    if found.errors:
        print(render.as_text(found.errors, colour=False), file=streams.err)
        return FINDINGS
    if found.model is None:
        return _no_model(found, args, streams)
    if found.elsewhere:
        files = ", ".join(dict.fromkeys(error.file for error in found.elsewhere))
        print(f"modelwatch: warning: errors in {files}, which {found.model.name} is used without", file=streams.err)
        print("help: modelwatch check tells them", file=streams.err)
    return found.model, found.stack


def _no_model(found: One, args: argparse.Namespace, streams: Streams) -> int:
    """Say that there is no such model, and what was meant."""
    if found.elsewhere:
        # One of these files may be the model's.
        print(render.as_text(found.elsewhere, colour=False), file=streams.err)
    near = difflib.get_close_matches(args.model, found.known, n=1)
    code = streams.fail(
        f"there is no model {args.model!r} in {args.models}",
        f"did you mean {near[0]}?" if near else f"there are {', '.join(found.known)}" if found.known else "",
    )
    return FINDINGS if found.elsewhere else code


def native_addresses(streams: Streams) -> Addresses:
    """Raises PortError."""
    return Addresses.native(streams.environ)


__all__ = ["PortError", "fleet_or_none", "native_addresses", "one", "report", "shown"]
