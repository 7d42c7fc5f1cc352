"""The `modelwatch` command: parse flags, hand over, turn what was refused into one message and an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from modelwatch import __version__
from modelwatch.cli.command import FAILED, Command, Streams

# In the order in which a newcomer meets them.
COMMANDS = (
    "init",
    "check",
    "generate",
    "diff",
    "explain",
    "profile",
    "calibrate",
    "exporter",
    "sampled",
    "preview",
    "up",
    "status",
    "logs",
    "drill",
    "down",
    "tools",
)
# What a missing package means, by the extra that brings it.
_EXTRAS = {
    "grafanalib": "kit",
    "promql_parser": "kit",
    "markdown_it": "kit",
    "supervisor": "kit",
    "jinja2": "kit",
    "psutil": "kit",
    "numpy": "exporter",
    "msgspec": "exporter",
    "orjson": "exporter",
    "pyarrow": "exporter",
    "starlette": "exporter",
    "uvicorn": "exporter",
}


def command(name: str) -> Command:
    module = importlib.import_module(f"modelwatch.cli.{name}")
    found: Command = module.COMMAND
    return found


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The whole parser; with ``only`` just that command is imported, which keeps each command quick to start."""
    parser = argparse.ArgumentParser(
        prog="modelwatch",
        description="One short YAML spec per model becomes everything that watches it: rules, routes, dashboards, traces, runbooks, drift.",
        epilog="`modelwatch COMMAND --help` shows a command's flags and examples.",
    )
    parser.add_argument("--version", action="version", version=f"modelwatch {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in (only,) if only else COMMANDS:
        found = command(name)
        epilog = "\n".join([*_section("examples", found.examples), *found.notes]) or None
        child = commands.add_parser(
            name,
            help=found.help,
            description=found.help,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        found.configure(child)
        child.set_defaults(run=found.run)
    return parser


def main(argv: Sequence[str] | None = None, streams: Streams | None = None) -> int:
    """Run one command. 0: clean; 1: findings; 2: could not run; 130: interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    streams = streams or Streams()
    only = arguments[0] if arguments and arguments[0] in COMMANDS else None
    try:
        if only == "exporter":
            importlib.import_module("modelwatch.exporters.hangup").remember()
        args = build_parser(only).parse_args(arguments)
        return int(args.run(args, streams))
    except KeyboardInterrupt:
        print("modelwatch: interrupted", file=streams.err)
        return 130
    except BrokenPipeError:
        # The reader went away (| head): nothing to say, and nobody to say it to.
        sys.stderr.close()
        return 0
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        return streams.fail(
            f"this command needs the package {package}, which is not installed",
            f"pip install 'modelwatch[{_EXTRAS[package]}]'",
        )
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        streams.fail(f"{where}{(error.strerror or str(error)).lower()}")
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
