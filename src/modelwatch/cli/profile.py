"""modelwatch profile: the reference that drift is measured against."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelwatch.cli import specs
from modelwatch.cli.command import FINDINGS, OK, Command, Streams, models_flag


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="name of the model (metadata.name)")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DATA", help="CSV or Parquet with the features as columns"
    )
    models_flag(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where the profile goes (default: DATA's name with .profile.json)"
    )


def _run(args: argparse.Namespace, streams: Streams) -> int:
    import difflib

    from modelwatch.exporters.profile import build_profile
    from modelwatch.exporters.reference import ProfileError, profile_to_json

    fleet = specs.fleet_or_none(args, streams)
    if fleet is None:
        return FINDINGS
    model = next((one for one in fleet.models if one.name == args.model), None)
    if model is None:
        names = [one.name for one in fleet.models]
        near = difflib.get_close_matches(args.model, names, n=1)
        return streams.fail(
            f"there is no model {args.model!r} in {args.models}",
            f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}",
        )
    output: Path = args.output or args.data.with_suffix(".profile.json")

    def progress(share: float) -> None:
        if streams.err.isatty():
            print(f"\r{args.data}: {share:4.0%}", end="\n" if share >= 1 else "", file=streams.err, flush=True)

    try:
        profile = build_profile(model, args.data, progress)
    except ProfileError as error:
        return streams.fail(str(error))
    _put(output, profile_to_json(profile))
    streams.say(
        f"{output}: {profile.rows} rows, {len(profile.features)} features",
        f"Name it in the spec: baseline: {{profile: {output}}} (a path from the spec's folder)",
    )
    return OK


def _put(path: Path, text: str) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


COMMAND = Command(
    "profile",
    "Build a model's reference profile from data: what normal looks like.",
    _configure,
    _run,
    ("modelwatch profile flight-delay --data reference.parquet --output models/flight-delay.profile.json",),
)
