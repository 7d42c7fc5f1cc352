"""modelwatch check: every problem of every spec, and whether the generated pieces agree."""

from __future__ import annotations

import argparse

from modelwatch.cli import specs
from modelwatch.cli.command import FINDINGS, OK, Command, Streams, format_flag, models_flag


def _configure(parser: argparse.ArgumentParser) -> None:
    models_flag(parser)
    format_flag(parser, "text", "json", "github")
    parser.add_argument("--strict", action="store_true", help="warnings count as findings too")
    parser.add_argument(
        "--programs",
        action="store_true",
        help="also let promtool, amtool, pint and the Collector judge what would be generated (those that are here)",
    )


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.crosscheck import crosscheck
    from modelwatch.generate import generate
    from modelwatch.model.load import load_fleet

    loaded = load_fleet(specs.shown(args.models, streams))
    found = list(loaded.diagnostics)
    judged: list[str] = []
    if loaded.fleet is not None:
        files = generate(loaded.fleet)
        found += crosscheck(files)
        if args.programs:
            from modelwatch.programs import judge

            verdicts = judge(files)
            found += verdicts.diagnostics
            judged = list(verdicts.summary)
    specs.report(found, streams, args.format)
    errors = sum(one.severity == "error" for one in found)
    warnings = len(found) - errors
    if args.format == "text":
        streams.say(*judged)
        models = len(loaded.fleet.models) if loaded.fleet else 0
        count = f"{models} model{'s' * (models != 1)}, " if loaded.fleet else ""
        streams.say(f"{count}{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}")
    return FINDINGS if errors or (args.strict and warnings) else OK


COMMAND = Command(
    "check",
    "Tell every problem of every spec in one run, and whether the generated pieces agree. Exit 1 on errors.",
    _configure,
    _run,
    (
        "modelwatch check",
        "modelwatch check --format github         # annotations on a pull request",
        "modelwatch check --programs              # ask promtool, amtool, pint and otelcol too",
    ),
)
