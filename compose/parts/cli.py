"""The command line: ``python -m modelwatch.compose.parts [install|status|path]``."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TextIO

from modelwatch.compose.parts.install import all_names, core_names, install, select
from modelwatch.compose.parts.locate import find
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.status import Absent, Building, Failed, PartStatus, Ready, State, Unavailable, status
from modelwatch.compose.parts.table import PartError

LOG = Path(".modelwatch") / "log" / "tools.log"
"""Log of installs in the background, below the working folder."""

_EXAMPLES = """\
examples:
  install --core             what the stack needs to start: seconds
  install --all --background everything, minutes; continues when the terminal closes
  install promtool-oldest    one pin of one program
  status                     what is here, what is being built, what failed and why
  path promtool              where a program is
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelwatch tools",
        description="Have, check and find the real programs of the stack.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--root", type=Path, default=Path(), help="working folder, whose .tools/bin gets links (default: .)"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    add = commands.add_parser("install", help="have programs: the named, the core, or all (default)")
    add.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(all_names())}; -oldest or -newest for one pin"
    )
    which = add.add_mutually_exclusive_group()
    which.add_argument("--core", action="store_true", help="only what the stack needs to start")
    which.add_argument("--all", action="store_true", help="everything")
    add.add_argument(
        "--background", action="store_true", help=f"go on after this command and the terminal; log to {LOG}"
    )
    show = commands.add_parser("status", help="how every program stands")
    show.add_argument("--format", choices=("text", "json"), default="text")
    where = commands.add_parser("path", help="print where a program is")
    where.add_argument("name", metavar="NAME")
    where.add_argument("--version", choices=("any", "oldest", "newest"), default="any")
    return parser


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _terminable() -> Iterator[None]:
    """A termination unwinds like Ctrl-C, so that the running command is stopped and the half-made entry removed."""
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _names(args: argparse.Namespace, machine: Machine) -> tuple[str, ...]:
    if args.core:
        return core_names(machine)
    return tuple(args.names) if args.names and not args.all else all_names()


def _install(args: argparse.Namespace, machine: Machine, out: TextIO) -> int:
    if args.names and (args.core or args.all):
        raise PartError("give names, --core or --all: one of them")
    names = _names(args, machine)
    select(names)
    if args.background:
        return _background(args, machine, out)

    def say(line: str) -> None:
        print(line, file=out, flush=True)

    if not names:
        say("everything that the stack needs to start is here")
    outcomes = install(names, root=machine.root, progress=say, machine=machine)
    missing = [outcome for outcome in outcomes if outcome.state != "ready"]
    # What cannot be had here does not fail the command while another version of the program is found.
    lost = [
        o for o in missing if o.state == "failed" or any(find(p, machine=machine) is None for p in o.source.programs)
    ]
    return 1 if lost else 0


def _background(args: argparse.Namespace, machine: Machine, out: TextIO) -> int:
    chosen = ["--core"] if args.core else args.names or ["--all"]
    command = [sys.executable, "-m", "modelwatch.compose.parts", "--root", str(machine.root), "install", *chosen]
    log = machine.root / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as handle:
        # A session of its own: the end of the terminal does not reach it.
        process = subprocess.Popen(
            command,
            cwd=machine.root,
            env=dict(machine.env),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    print(f"installing in the background (process {process.pid}), log: {log}", file=out)
    return 0


_MORE = "\n" + 29 * " "


def state_text(state: State, now: float) -> str:
    """A state for people: a line, or a few. ``now`` is in seconds since the epoch."""
    match state:
        case Ready(version=version, path=path, note=note):
            return f"ready        {version}  {path}" + (f"  ({note})" if note else "")
        case Building(since=since, step=step, steps=steps, doing=doing):
            minutes, seconds = divmod(max(0, int(now - since)), 60)
            return f"building     step {step} of {steps} ({doing}), for {minutes}:{seconds:02}"
        case Failed(reason=reason, log=log, mend=mend):
            return f"failed       {reason}{_MORE}log: {log}{_MORE}help: {mend}, then install again"
        case Absent(seconds=seconds):
            return f"not here yet an install takes about {seconds} s"
        case Unavailable(why=why, lost=lost, add=add):
            return f"unavailable  {why}{_MORE}lost: {lost}{_MORE}help: {add}"


def status_text(statuses: Sequence[PartStatus], now: float) -> str:
    """All states as a table: a line for what is used, and one for each pin that is not that."""
    lines = []
    for item in statuses:
        lines.append(f"{item.part.name:<16}{state_text(item.state, now)}")
        lines += [f"  {pin.source.age:<14}{state_text(pin.state, now)}" for pin in item.pins if pin.state != item.state]
    return "\n".join(lines)


def _json(statuses: Sequence[PartStatus]) -> str:
    def state(of: State) -> dict[str, object]:
        return {"state": type(of).__name__.lower(), **asdict(of)}

    said = [
        {
            "name": item.part.name,
            "core": item.part.core,
            **state(item.state),
            "pins": [{"age": pin.source.age, "pin": pin.source.version, **state(pin.state)} for pin in item.pins],
        }
        for item in statuses
    ]
    return json.dumps(said, indent=1, default=str)


def main(argv: Sequence[str], stdout: TextIO, stderr: TextIO) -> int:
    """Run a command: 0 done, 1 something could not be had or is not here, 2 a wrong request, 130 stopped."""
    parser = _parser()
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    machine = Machine.here(args.root)
    try:
        return _run(args, machine, stdout, stderr)
    except PartError as error:
        print(f"error: {error}", file=stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped: nothing half-made was left behind", file=stderr)
        return 130


def _run(args: argparse.Namespace, machine: Machine, stdout: TextIO, stderr: TextIO) -> int:
    match args.command:
        case "install":
            with _terminable():
                return _install(args, machine, stdout)
        case "path":
            found = find(args.name, args.version, machine=machine)
            if found is None:
                print(f"{args.name} ({args.version}) is not here: install {args.name}", file=stderr)
                return 1
            print(found, file=stdout)
        case _:
            statuses = status(machine=machine)
            as_json = getattr(args, "format", "text") == "json"
            print(_json(statuses) if as_json else status_text(statuses, machine.clock()), file=stdout)
    return 0
