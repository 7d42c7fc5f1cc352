"""modelwatch profile: the reference that drift is measured against."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from modelwatch.cli import specs
from modelwatch.cli.command import OK, Command, Streams, models_flag
from modelwatch.model.profile_head import LEAST_REFERENCE


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", nargs="?", help="name of the model (metadata.name)")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data",
        type=Path,
        action="append",
        metavar="DATA",
        help="CSV, Parquet or Arrow file with the features as columns, whose profile is written to --output; give it "
        "again for more files",
    )
    source.add_argument("--merge", type=Path, nargs="+", metavar="PART", help="make the profile of partial profiles")
    source.add_argument("--show", type=Path, metavar="FILE", help="print a profile for people")
    models_flag(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="file that the profile is written to; one that is there is replaced (default: beside the first DATA, by "
        "its name with .profile.json, or with .partial; with --merge it has to be said)",
    )
    parser.add_argument(
        "--partial", action="store_true", help="write a partial profile: --merge makes the profile of many of them"
    )
    parser.add_argument(
        "--time", metavar="COLUMN", help="column that tells the time, for references by hour of day and by weekday"
    )
    parser.add_argument("--segment", metavar="COLUMN", help="categorical feature, for references by its values")
    for answer in ("prediction", "confidence"):
        parser.add_argument(
            f"--{answer}", metavar="COLUMN", help=f"column of the model's {answer} (default: the one called {answer})"
        )


def _run(args: argparse.Namespace, streams: Streams) -> int:
    # Sums of matrices this small gain nothing from threads, which on a busy machine cost more than they bring.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from modelwatch.exporters.reference import ProfileError

    try:
        if args.show:
            return _show(args, streams)
        if args.model is None:
            return streams.fail("which model?", "modelwatch profile MODEL --data DATA; MODEL is its metadata.name")
        return _merge(args, streams) if args.merge else _build(args, streams)
    except ProfileError as error:
        return streams.fail(str(error))


def _show(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.exporters.reference import load_profile
    from modelwatch.exporters.reference.show import profile_text

    streams.say(profile_text(load_profile(args.show)))
    return OK


def _merge(args: argparse.Namespace, streams: Streams) -> int:
    if args.output is None:
        return streams.fail("--merge needs --output FILE: where the profile goes")
    if args.partial or args.time or args.segment or _answers(args):
        flags = "--partial, --time, --segment, --prediction and --confidence"
        return streams.fail(f"{flags} belong to --data: the parts know what they hold")
    from modelwatch.exporters.profile import merge_partials
    from modelwatch.exporters.reference import profile_to_json

    names = [str(path) for path in args.merge]
    profile = merge_partials((path.read_bytes() for path in args.merge), names, once=True)
    if profile.model != args.model:
        return streams.fail(f"{names[0]}: is of model {profile.model!r}, not of {args.model!r}")
    _put(args.output, profile_to_json(profile).encode())
    _told(streams, args, args.output, profile.rows, len(profile.features))
    return OK


def _build(args: argparse.Namespace, streams: Streams) -> int:
    # The baseline that there is will be no more: whatever is wrong with it is mended here.
    found = specs.one(args, streams, baseline=False)
    if isinstance(found, int):
        return found
    model, _ = found
    from modelwatch.exporters.profile import build_partial, build_profile
    from modelwatch.exporters.reference import profile_to_json

    progress = _progress(args.data, streams)
    first: Path = args.data[0]
    if args.partial:
        output: Path = args.output or first.with_suffix(".partial")
        part = build_partial(model, args.data, progress, time=args.time, segment=args.segment, answers=_answers(args))
        _put(output, part)
        streams.say(
            f"{output}: a partial profile, {len(part):,} bytes",
            f"Make the profile of all parts: modelwatch profile {model.name} --merge {output} ... --output FILE",
        )
        return OK
    output = args.output or first.with_suffix(".profile.json")
    profile = build_profile(model, args.data, progress, time=args.time, segment=args.segment, answers=_answers(args))
    _put(output, profile_to_json(profile).encode())
    _told(streams, args, output, profile.rows, len(profile.features))
    return OK


def _answers(args: argparse.Namespace) -> dict[str, str]:
    """The columns of answers that are called otherwise in the data."""
    named = {"prediction": args.prediction, "confidence": args.confidence}
    return {name: column for name, column in named.items() if column and column != name}


def _told(streams: Streams, args: argparse.Namespace, output: Path, rows: int, features: int) -> None:
    # Specs name files from their own folder.
    written = os.path.relpath(streams.cwd / output, specs.shown(args.models, streams))
    streams.say(
        f"{output}: {rows} rows, {features} features",
        f"Name it in the spec: baseline: {{profile: {written}}}",
        f"Look at it: modelwatch profile --show {output}",
    )
    few_rows(streams, output, rows)


def few_rows(streams: Streams, profile: Path, rows: int) -> None:
    """Tell at once what would else be seen only when the sidecar has no scores."""
    if rows < LEAST_REFERENCE:
        streams.fail(
            f"warning: {profile} has {rows} row{'s' * (rows != 1)}, and scores need {LEAST_REFERENCE} in the reference",
            "make it of more rows; until then no drift can be told",
        )


def _progress(data: list[Path], streams: Streams) -> Callable[[float], None]:
    name = str(data[0]) + (f" and {len(data) - 1} more" if len(data) > 1 else "")
    shown = ""

    def progress(share: float) -> None:
        nonlocal shown
        text = f"\r{name}: {share:4.0%}"
        if streams.err.isatty() and (text != shown):
            shown = text
            print(text, end="\n" if share >= 1 else "", file=streams.err, flush=True)

    return progress


def _put(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


COMMAND = Command(
    "profile",
    "Build a model's reference profile from data: what normal looks like.",
    _configure,
    _run,
    (
        "modelwatch profile flight-delay --data reference.parquet --output models/flight-delay.profile.json",
        "modelwatch profile flight-delay --data day1.csv.gz --data day2.csv.gz --time hour_utc",
        "modelwatch profile flight-delay --data scored.csv --prediction decision --confidence probability",
        "modelwatch profile flight-delay --data part-7.parquet --partial --output part-7.partial",
        "modelwatch profile flight-delay --merge part-*.partial --output models/flight-delay.profile.json",
        "modelwatch profile --show models/flight-delay.profile.json",
    ),
)
