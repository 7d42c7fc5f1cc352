"""modelwatch drill: break the demo and see that somebody would have been woken."""

from __future__ import annotations

import argparse
import json

from modelwatch.cli.command import FINDINGS, OK, Command, Streams, format_flag


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fault", default="failing", help="what to break: failing or slow (default: failing)")
    format_flag(parser, "text", "json")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.compose.drill import EXERCISES, CannotDrillError, Drill, addresses, standing
    from modelwatch.compose.report import Progress
    from modelwatch.compose.state import Folder, StackError

    exercise = EXERCISES.get(args.fault)
    if exercise is None:
        return streams.fail(f"there is no drill {args.fault!r}", f"choose one of {', '.join(EXERCISES)}")
    try:
        at = addresses(standing(Folder.of(streams.cwd)))
    except CannotDrillError as error:
        return streams.fail(str(error), error.help)
    except StackError as error:
        return streams.fail(str(error))

    progress = Progress(streams.err if args.format == "json" else streams.out)
    live = progress.last if progress.live else None
    try:
        times = Drill(exercise, f"http://{at['demo']}", f"http://{at['pagerduty']}", progress.say, live=live).run()
    except StackError as error:
        progress.clear()
        streams.fail(str(error))
        return FINDINGS
    finally:
        progress.clear()
    if args.format == "json":
        streams.say(
            json.dumps(
                {"to_page_seconds": times.to_page, "to_resolve_seconds": times.to_resolve, "incident": times.incident}
            )
        )
    else:
        streams.say("", f"fault to page   {times.to_page:6.1f} s", f"heal to resolve {times.to_resolve:6.1f} s")
    return OK


COMMAND = Command(
    "drill",
    "Break the demo, wait for the page, heal it, wait for the resolve; tell how long each took.",
    _configure,
    _run,
    ("modelwatch drill", "modelwatch drill --fault slow"),
)
