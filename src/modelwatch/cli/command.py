"""What a command is, and the few things that all of them share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

OK, FINDINGS, FAILED = 0, 1, 2
DEFAULT_MODELS = Path("models")


@dataclass(frozen=True)
class Streams:
    """Where a command prints and what it knows of its surroundings; tests hand in their own."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path = field(default_factory=Path.cwd)

    def say(self, *lines: str) -> None:
        for line in lines:
            print(line, file=self.out)

    def fail(self, message: str, help: str = "") -> int:
        """Print one error, and how to mend it, to standard error."""
        print(f"modelwatch: {message}", file=self.err)
        if help:
            print(f"help: {help}", file=self.err)
        return FAILED

    @property
    def colour(self) -> bool:
        return self.out.isatty() and "NO_COLOR" not in self.environ and self.environ.get("TERM") != "dumb"


Configure = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace, Streams], int]


@dataclass(frozen=True)
class Command:
    """``examples`` are shown by --help, one a line, and after them ``notes``."""

    name: str
    help: str
    configure: Configure
    run: Run
    examples: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def models_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models", type=Path, default=DEFAULT_MODELS, metavar="DIR", help="folder of the specs (default: models)"
    )


def format_flag(parser: argparse.ArgumentParser, *choices: str) -> None:
    parser.add_argument("--format", choices=choices, default=choices[0], help=f"output format (default: {choices[0]})")
