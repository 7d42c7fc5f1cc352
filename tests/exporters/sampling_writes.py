"""Writes rows until it is killed: ``sampling_writes.py FOLDER [LIMIT]``; prints how many are written after each.

With LIMIT no file may grow beyond that many bytes: the system then writes a part, and fails, as on a full disk.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from modelwatch.exporters.clock import SystemClock
from modelwatch.exporters.sampling.files import Files, Rotation


def main(folder: str, limit: str = "") -> None:
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    files = Files(Path(folder), Rotation(20_000, 3600, 10_000_000), SystemClock())
    for number in range(1_000_000):
        try:
            files.append(b'{"id":%d,"text":"%s"}\n' % (number, b"x" * (number % 700)))
        except OSError as error:
            print(error.strerror, flush=True)
            files.close()
            return
        print(number + 1, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
