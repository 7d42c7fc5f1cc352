"""modelwatch generate: specs -> generated/."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelwatch.cli import specs
from modelwatch.cli.command import FINDINGS, OK, Command, Streams, models_flag


def _configure(parser: argparse.ArgumentParser) -> None:
    models_flag(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("generated"), metavar="DIR", help="output folder (default: generated)"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the folder is not up to date")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch import writer
    from modelwatch.generate import generate

    fleet = specs.fleet_or_none(args, streams)
    if fleet is None:
        return FINDINGS
    files = generate(fleet)
    out = args.out
    if unfit := _unfit(out, args.models):
        return streams.fail(unfit, "name another folder with --out, such as generated")
    try:
        changes = writer.compare(out, files) if args.check else writer.write(out, files)
    except writer.NotOursError as error:
        return streams.fail(str(error))
    verbs = ("would add", "would change", "would remove") if args.check else ("added", "changed", "removed")
    for verb, paths in zip(verbs, (changes.added, changes.changed, changes.removed), strict=True):
        streams.say(*(f"{verb} {out / path}" for path in paths[:20]))
        if len(paths) > 20:
            streams.say(f"{verb} {len(paths) - 20} more")
    models = f"{len(fleet.models)} model{'s' if len(fleet.models) != 1 else ''}"
    if not changes:
        streams.say(f"{models}, {len(files)} files: up to date in {out}")
        return OK
    if args.check:
        streams.fail(
            f"{out} is not what the specs in {args.models} give",
            f"run: modelwatch generate --models {args.models} --out {out}",
        )
        return FINDINGS
    streams.say(f"{models}, {len(files)} files: written to {out}")
    return OK


def _unfit(out: Path, models: Path) -> str:
    """Why nothing can be written there, or nothing."""
    if out.resolve() == models.resolve():
        return f"{out} holds the specs"
    return next((f"{path} is a file and no folder" for path in (out, *out.parents) if path.is_file()), "")


COMMAND = Command(
    "generate",
    "Write everything that the specs give: rules, tests, routes, dashboards, Collector config, runbooks.",
    _configure,
    _run,
    (
        "modelwatch generate                      # models/ -> generated/",
        "modelwatch generate --check              # in CI: is generated/ up to date?",
        "modelwatch generate --models m --out o   # other folders",
    ),
)
