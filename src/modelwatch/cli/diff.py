"""modelwatch diff: what an edit changes for the people who are paged."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelwatch.cli import specs
from modelwatch.cli.command import FINDINGS, OK, Command, Streams, format_flag, models_flag
from modelwatch.model import codes
from modelwatch.model.load import load_fleet
from modelwatch.model.types import Fleet


class NoSuchRevisionError(Exception):
    """Neither a folder nor a git revision; the text says so, ``help`` what to give."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


_DIRECTORY = "compare with a folder of older specs: modelwatch diff DIR"


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "base",
        nargs="?",
        default="HEAD",
        metavar="REVISION|DIR",
        help="git revision or folder to compare with (default: HEAD)",
    )
    models_flag(parser)
    format_flag(parser, "text", "json")
    parser.add_argument("--exit-code", action="store_true", help="exit 1 when something changes")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)


@contextmanager
def _specs_of(base: str, models: Path) -> Iterator[Path | None]:
    """The folder of the older specs; None where the revision has none."""
    if Path(base).is_dir():
        yield Path(base)
        return
    folder = models.resolve()
    with tempfile.TemporaryDirectory(prefix="modelwatch-diff-") as temporary:
        try:
            inside = _git(folder, "rev-parse", "--show-prefix")
        except FileNotFoundError:
            raise NoSuchRevisionError("git is not installed", _DIRECTORY) from None
        if inside.returncode != 0:
            said = inside.stderr.decode(errors="replace").strip().partition("\n")[0]
            none = "not a git repository" in said
            raise NoSuchRevisionError(f"{models} is in no git repository" if none else f"git says {said}", _DIRECTORY)
        prefix = inside.stdout.decode().strip()
        top = _git(folder, "rev-parse", "--show-toplevel").stdout.decode().strip() or folder
        done = _git(Path(top), "archive", "--format=tar", f"{base}:{prefix}")
        if done.returncode != 0:
            known = _git(folder, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}")
            if known.returncode != 0:
                if base == "HEAD":
                    raise NoSuchRevisionError("nothing is committed yet to compare with", _DIRECTORY)
                raise NoSuchRevisionError(
                    f"{base!r} is neither a folder nor a git revision of {models}",
                    "give a commit, branch or tag, or the folder of the older specs",
                )
            yield None
            return
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(temporary, filter="data")
        yield Path(temporary)


def _older(folder: Path | None) -> tuple[Fleet | None, str]:
    """The older fleet, or why there is none to compare with."""
    if folder is None:
        return None, "has no such folder"
    loaded = load_fleet(folder)
    if loaded.fleet is not None:
        return loaded.fleet, ""
    none = all(found.code == codes.FOLDER for found in loaded.diagnostics)
    return None, "has no model" if none else "has specs with errors"


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.differ import differences

    after = specs.fleet_or_none(args, streams)
    if after is None:
        return FINDINGS
    try:
        with _specs_of(args.base, specs.shown(args.models, streams)) as folder:
            before, why = _older(folder)
            if why:
                print(f"modelwatch: {args.base} {why}: everything counts as new", file=streams.err)
            changes = differences(before, after)
    except NoSuchRevisionError as error:
        return streams.fail(str(error), error.help)
    if args.format == "json":
        streams.say(json.dumps([{"model": change.model, "change": change.sentence} for change in changes], indent=2))
    elif not changes:
        streams.say(f"nothing changes for the people who are paged, compared with {args.base}")
    else:
        last = ""
        for change in changes:
            if change.model != last:
                streams.say(change.model)
                last = change.model
            streams.say(f"  {change.sentence}")
    return FINDINGS if changes and args.exit_code else OK


COMMAND = Command(
    "diff",
    "Say in words what changes for the people who are paged: alerts, thresholds, routes, features.",
    _configure,
    _run,
    (
        "modelwatch diff                          # the working tree against HEAD",
        "modelwatch diff origin/main              # what a branch changes",
        "modelwatch diff ../other/models          # against another folder",
    ),
)
