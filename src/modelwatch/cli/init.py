"""modelwatch init: a first spec, drafted from a table."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from modelwatch.cli.command import FAILED, OK, Command, Streams


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", type=Path, metavar="DATA", help="CSV or Parquet with one row a prediction, features as columns"
    )
    parser.add_argument("--name", help="name of the model (default: from the file's name)")
    parser.add_argument("--prediction", metavar="COLUMN", help="column of the model's answer")
    parser.add_argument("--target", metavar="COLUMN", help="column of the truth")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the spec goes (default: models/NAME.yaml)")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.model.draft import InitError, draft

    def progress(share: float) -> None:
        if streams.err.isatty():
            print(f"\r{args.data}: {share:4.0%}", end="\n" if share >= 1 else "", file=streams.err, flush=True)

    if args.output and args.output.exists():
        return _taken(args.output, streams)
    try:
        made = draft(
            args.data,
            name=args.name,
            prediction=args.prediction,
            target=args.target,
            output=args.output,
            progress=progress,
        )
    except InitError as error:
        return streams.fail(str(error), error.help)
    output: Path = args.output or Path("models") / f"{made.name}.yaml"
    if output.exists():
        return _taken(output, streams)
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("x", encoding="utf-8") as file:
        file.write(made.text)
    profile = _profile(output, args.data, streams)
    if profile is None:
        output.unlink()
        return FAILED
    left = f", {len(made.left_out)} other columns left out (its last lines say why)" if made.left_out else ""
    streams.say(
        f"{output}: {len(made.features)} features from {made.rows} rows{left}",
        f"{profile}: what normal looks like",
        f"Next: look over what is guessed, then modelwatch check --models {output.parent} and modelwatch generate --models {output.parent}",
    )
    return OK


def _taken(output: Path, streams: Streams) -> int:
    return streams.fail(f"{output} is there already", "name another file with --output, or move it away")


def _profile(spec: Path, data: Path, streams: Streams) -> Path | None:
    """Keep what normal looks like beside the spec, so that the spec works where the data is not. None after a message."""
    from modelwatch.exporters.profile import build_profile
    from modelwatch.exporters.reference import ProfileError, profile_to_json
    from modelwatch.model.diagnostics import SpecError
    from modelwatch.model.load import load_model

    profile = spec.with_name(f"{spec.stem}.profile.json")
    try:
        text = profile_to_json(build_profile(load_model(spec), data))
    except (ProfileError, SpecError) as error:
        streams.fail(str(error))
        return None
    profile.write_text(text, encoding="utf-8")
    line = f"baseline: {{profile: {profile.name}}} # of {data.name}; modelwatch profile makes it anew"
    spec.write_text(
        re.sub(r"^baseline: .*$", lambda _: line, spec.read_text(encoding="utf-8"), flags=re.MULTILINE),
        encoding="utf-8",
    )
    return profile


COMMAND = Command(
    "init",
    "Draft a spec from a table: types, ranges, categories, missing values, and a profile of what normal looks like.",
    _configure,
    _run,
    (
        "modelwatch init training.parquet --name churn",
        "modelwatch init scored.csv --prediction score --target churned --output models/churn.yaml",
    ),
)
