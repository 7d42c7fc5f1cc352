"""modelwatch check: every problem of every spec, and whether the generated pieces agree."""

from __future__ import annotations

import argparse

from modelwatch.cli import specs
from modelwatch.cli.command import FINDINGS, OK, Command, Streams, format_flag, models_flag


def _configure(parser: argparse.ArgumentParser) -> None:
    models_flag(parser)
    format_flag(parser, "text", "json", "github")
    parser.add_argument("--strict", action="store_true", help="warnings count as findings too; notes never do")
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
    found = [*loaded.diagnostics, *loaded.notes]
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
    counts = {severity: sum(one.severity == severity for one in found) for severity in ("error", "warning", "note")}
    if args.format == "text":
        streams.say(*judged)
        if loaded.fleet:
            counts = {"model": len(loaded.fleet.models), **counts}
        # Notes are only counted where there are any: they are no findings.
        streams.say(", ".join(f"{n} {what}{'s' * (n != 1)}" for what, n in counts.items() if n or what != "note"))
    return FINDINGS if counts["error"] or (args.strict and counts["warning"]) else OK


COMMAND = Command(
    "check",
    "Tell every problem of every spec in one run, whether the generated pieces agree, and, as notes, what is left "
    "unwatched. Exit 1 on errors; with --strict also on warnings; never on notes.",
    _configure,
    _run,
    (
        "modelwatch check",
        "modelwatch check --format github         # annotations on a pull request",
        "modelwatch check --programs              # ask promtool, amtool, pint and otelcol too",
    ),
)
