"""Runs a sidecar as a process of its own: ``serve.py STATE REFERENCE``; prints the URL on the first line."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import specs

from modelwatch.exporters.app import run
from modelwatch.model import types as t


def main(state: str, reference: str, listen: str = "127.0.0.1:0") -> int:
    fleet = specs.fleet(specs.model(baseline=t.Baseline(data=reference)))
    return run(fleet, Path(state), listen, listening=lambda url: print(url, flush=True))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
