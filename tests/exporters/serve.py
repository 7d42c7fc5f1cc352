"""Runs a sidecar as a process of its own: ``serve.py STATE REFERENCE [LISTEN [often]]``; prints the URL on the first line.

With ``often`` it flushes and takes snapshots twenty times a second, so that a kill finds it doing so.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import specs

from modelwatch.exporters import app, sidecar
from modelwatch.model import types as t


def main(state: str, reference: str, listen: str = "127.0.0.1:0", often: str = "") -> int:
    if often:
        app.KEEP_SECONDS, sidecar.SNAPSHOT_BYTES = 0.05, 2000
    fleet = specs.fleet(specs.model(baseline=t.Baseline(data=reference)))
    return app.run(fleet, Path(state), listen, listening=lambda url: print(url, flush=True))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
