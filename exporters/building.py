"""Builds a profile in a process of its own: Arrow's library is 80 MiB that a process never gives back, a build 230.

What goes between the two is pickled, which is safe here: nobody but this file is at either end of the pipes.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from modelwatch.exporters.threads import one_thread

if __name__ == "__main__":
    one_thread()

from modelwatch.exporters.reference import Profile, ProfileError  # it imports numpy
from modelwatch.model import types as t  # after one_thread()


class _Told(NamedTuple):
    """``said`` is the share done, a ProfileError's message, or the profile."""

    kind: Literal["progress", "error", "profile"]
    said: Any


def build_apart(model: t.Model, data: Path, progress: Callable[[float], None]) -> Profile:
    """What ``build_profile`` gives, without its memory. Raises ProfileError.

    The other process ends with this one, however this one ends: by the end of its input, which it watches.
    """
    command = [sys.executable, "-P", "-m", "modelwatch.exporters.building"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump((model, data), process.stdin)
            process.stdin.flush()
            while (told := _Told(*pickle.load(process.stdout))).kind == "progress":  # noqa: S301  # ours
                progress(told.said)
        except (EOFError, OSError, pickle.UnpicklingError):
            process.kill()
            raise ProfileError(f"{data}: {_ended(process.wait())}") from None
        except BaseException:
            process.kill()
            raise
    if told.kind == "error":
        raise ProfileError(told.said)
    found: Profile = told.said
    return found


def _ended(code: int) -> str:
    how = f"by {signal.Signals(-code).name}, perhaps for want of memory" if code < 0 else f"with code {code}"
    return (
        f"the process that builds the profile ended {how}; the log may say more. "
        "Make the profile elsewhere with modelwatch profile and name it as baseline.profile"
    )


def main() -> None:
    # Whoever presses Ctrl+C ends the process that asked, and with it the input of this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nothing that a library prints may come between what is told.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        model, data = pickle.load(sys.stdin.buffer)  # noqa: S301  # ours
        threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
        _tell(answers, _answer(answers, model, data))
        # The rest is the operating system's: to take apart what was built would take longer.
        answers.flush()
        os._exit(0)


def _end_with(asking: IO[bytes]) -> None:
    asking.read()
    os._exit(1)


def _answer(answers: IO[bytes], model: t.Model, data: Path) -> _Told:
    from modelwatch.exporters.profile import build_profile  # noqa: PLC0415  # only this process loads Arrow's library

    try:
        return _Told("profile", build_profile(model, data, lambda share: _tell(answers, _Told("progress", share))))
    except ProfileError as error:
        return _Told("error", str(error))


def _tell(answers: IO[bytes], told: _Told) -> None:
    pickle.dump(tuple(told), answers)
    answers.flush()


if __name__ == "__main__":
    main()
