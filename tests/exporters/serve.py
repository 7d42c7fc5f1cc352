"""Runs a sidecar as a process of its own: ``serve.py STATE REFERENCE [LISTEN [HOW [LOGS]]]``; prints the URL first.

Where HOW is ``small`` the journal may hold 20 kB, and a snapshot is tried again at once. Where it is ``often`` it flushes and takes snapshots twenty times a second, so that a kill finds it doing so. With ``LOGS`` it
watches another model too, and reads the rows of both from there, in small steps.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import specs

from modelwatch.exporters import app, critical, journal, sidecar
from modelwatch.exporters.tailing import follower, tailer
from modelwatch.model import types as t


def main(state: str, reference: str, listen: str = "127.0.0.1:0", how: str = "", *logs: str) -> int:
    # Of windows that nobody has yet, critical values are not worked out ahead: these are seconds of CPU.
    critical.MOST_ROWS = 1000
    if how == "small":
        journal.MOST_BYTES, sidecar.SNAPSHOT_BYTES, sidecar.AGAIN_SECONDS = 20_000, 5_000, 0.0
    if how == "often":
        app.KEEP_SECONDS, sidecar.SNAPSHOT_BYTES = 0.05, 2000
        tailer.POLL_SECONDS, tailer.GRACE_SECONDS, tailer.SAVE_SECONDS, tailer.LATER_SECONDS = 0.01, 0.3, 0.05, 0.05
        follower.STEP_BYTES = 8000
    models = [specs.model(baseline=t.Baseline(data=reference)), *([specs.model(specs.OTHER)] if logs else [])]
    return app.run(
        specs.fleet(*models), Path(state), listen, listening=lambda url: print(url, flush=True), logs=[*logs]
    )


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
