"""modelwatch init: a first spec, drafted from a table."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from modelwatch.cli import ignored
from modelwatch.cli.command import DEFAULT_MODELS, OK, Command, Streams
from modelwatch.cli.profile import few_rows
from modelwatch.model.lost import SUFFIXES
from modelwatch.model.table import InitError

if TYPE_CHECKING:
    from modelwatch.model.draft import Draft


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", type=Path, metavar="DATA", help="CSV or Parquet with one row a prediction, features as columns"
    )
    parser.add_argument("--name", help="name of the model (default: from the file's name)")
    parser.add_argument("--prediction", metavar="COLUMN", help="column of the model's answer")
    parser.add_argument("--target", metavar="COLUMN", help="column of the truth")
    parser.add_argument(
        "--time", metavar="COLUMN", help="column of when it happened, for hours and weekdays of the profile"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the spec goes (default: models/NAME.yaml)")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.model.draft import draft

    def progress(share: float) -> None:
        if streams.err.isatty():
            print(f"\r{args.data}: {share:4.0%}", end="\n" if share >= 1 else "", file=streams.err, flush=True)

    try:
        if args.output:
            _free(args.output)
        made = draft(
            args.data,
            name=args.name,
            prediction=args.prediction,
            target=args.target,
            time=args.time,
            output=args.output,
            progress=progress,
        )
        output: Path = args.output or Path("models") / f"{made.name}.yaml"
        _free(output)
        profile, seasonal = _write(output, made, args.data)
    except InitError as error:
        return streams.fail(str(error), error.help)
    if made.headless:
        streams.fail(
            f"the first line of {args.data} looks like a row and was taken for the columns' names",
            f"unless it holds names, put them into a first line of their own, remove {output} and run this again",
        )
    again = f"remove {output} and run this again with"
    if made.likely:
        streams.fail(
            f"{made.likely.name!r} is drafted as a feature and looks like the truth: {made.likely.why}",
            f"if it is, {again} --target {shlex.quote(made.likely.name)}: no request holds it",
        )
    elif made.unanswered:
        streams.fail(
            "no column was taken for the model's answer or for the truth, so all that can be are features",
            f"if one is, {again} --prediction COLUMN or --target COLUMN",
        )
    if args.time and not seasonal:
        streams.fail(
            f"the column {args.time!r} holds no times that a profile can read, so it has no hours",
            "write 2026-01-31T12:00:00Z or seconds since 1970",
        )
    few_rows(streams, profile, made.rows)
    left = len(made.left_out)
    streams.say(
        f"{output}: {_counted(len(made.features), 'feature')} from {_counted(made.rows, 'row')}"
        + (f", {_counted(left, 'other column')} left out (its last lines say why)" if left else ""),
        f"{profile}: what normal looks like"
        + (
            f", by hour and weekday too, by its column {made.time}: drift: {{same: hour}} can use them"
            if seasonal
            else ""
        ),
        # Where the spec goes elsewhere, this is no folder to run a stack in.
        *(ignored.keep_private(streams.cwd) if args.output is None else ()),
        f"Next: look over what is guessed, then modelwatch check --models {output.parent} and modelwatch generate --models {output.parent}",
    )
    return OK


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _free(output: Path) -> None:
    """Raises InitError where a spec cannot go."""
    if output.suffix not in SUFFIXES:
        raise InitError(f"{output} is no name of a spec", "end it with .yaml")
    if output.exists():
        raise InitError(f"{output} is there already", "name another file with --output, or move it away")
    if output.parent.exists() and not output.parent.is_dir():
        raise InitError(f"{output.parent} is a file and no folder", "name another place with --output")


def _write(output: Path, made: Draft, data: Path) -> tuple[Path, bool]:
    """The spec and beside it the profile, whose path is given, and whether it has seasons; both files or neither.

    Raises InitError, OSError.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("x", encoding="utf-8") as file:
        file.write(made.text)
    try:
        return _profile(output, data, made)
    except BaseException:
        output.unlink()
        raise


def _profile(spec: Path, data: Path, made: Draft) -> tuple[Path, bool]:
    """Keep what normal looks like beside the spec, so that the spec works where the data is not. Raises InitError."""
    from modelwatch.exporters.profile import build_profile
    from modelwatch.exporters.reference import ProfileError, profile_to_json
    from modelwatch.model.diagnostics import SpecError
    from modelwatch.model.load import load_model

    time = made.time
    profile = spec.with_name(f"{spec.stem}.profile.json")
    try:
        model = load_model(spec)
        try:
            built = build_profile(model, data, time=time, answers=made.answers)
        except ProfileError:
            if time is None:
                raise
            # What looks like a time need not be one in every row; the rest is told all the same.
            built = build_profile(model, data, answers=made.answers)
    except (ProfileError, SpecError) as error:
        raise InitError(str(error)) from error
    profile.write_text(profile_to_json(built), encoding="utf-8")
    columns = {**({"time": built.seasons.time} if built.seasons else {}), **made.answers}
    line = f"baseline: {{profile: {profile.name}}} # made anew by: {_again(spec, profile, data, model.name, columns)}"
    spec.write_text(
        re.sub(r"^baseline: .*$", lambda _: line, spec.read_text(encoding="utf-8"), flags=re.MULTILINE),
        encoding="utf-8",
    )
    return profile, built.seasons is not None


def _again(spec: Path, profile: Path, data: Path, model: str, columns: Mapping[str, str]) -> str:
    """The command that makes the profile again, from the folder that init was run in."""
    words = ["modelwatch", "profile", model, "--data", str(data)]
    if spec.parent != DEFAULT_MODELS:
        words += ["--models", str(spec.parent)]
    words += [word for name, column in columns.items() for word in (f"--{name}", column)]
    command = shlex.join([*words, "--output", str(profile)])
    # A column's name may have line breaks, which no comment can hold.
    return command if command.isprintable() else "modelwatch profile"


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
