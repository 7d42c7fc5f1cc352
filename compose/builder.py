"""Builds what the stack waits for, then every other program. The supervisor runs it, with the names of the first."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from modelwatch.compose.parts.cli import main as tools

_STOPPED = 130


def main(names: Sequence[str]) -> int:
    code = tools(["install", *names], sys.stdout, sys.stderr)
    return code if code == _STOPPED else tools(["install", "--all"], sys.stdout, sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
