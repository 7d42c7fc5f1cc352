"""What `up`, `down` and `status` say: progress while one waits, tables at the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

from modelwatch.compose.table import part_named


class Progress:
    """A line for each part as it becomes ready; on a terminal (``live``) also a last line of what is waited for."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._began = clock()
        self.live = out.isatty()
        self._shown = ""

    @property
    def elapsed(self) -> float:
        return self._clock() - self._began

    def say(self, line: str) -> None:
        self.clear()
        self._write(f"{line}\n")

    def ready(self, name: str) -> None:
        part = part_named(name)
        self.say(f"  ready  {part.title:<16} {self.elapsed:5.1f} s  {part.does}")

    def degraded(self, name: str) -> None:
        part = part_named(name)
        self.say(f"  runs   {part.title:<16} {self.elapsed:5.1f} s  {part.does}, but not for every model")

    def waiting(self, what: Iterable[str]) -> None:
        """Replace the last line; nothing where output is no terminal."""
        if self.live:
            self.last(f"  {self.elapsed:.0f} s  waiting for {', '.join(what)}")

    def last(self, line: str) -> None:
        """Show this as the last line, in place of the one before."""
        line = line[:78]
        if self.live and line != self._shown:
            self._write(f"\r\x1b[K{line}")
            self._shown = line

    def clear(self) -> None:
        if self._shown:
            self._write("\r\x1b[K")
            self._shown = ""

    def _write(self, text: str) -> None:
        # A reader that went away (`up | head`) is no reason to stop what was asked for.
        with contextlib.suppress(BrokenPipeError):
            self._out.write(text)
            self._out.flush()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one as long as it is."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def ago(seconds: float) -> str:
    """A span of time as people say it: 8 s, 5 min, 2 h 5 min, 3 d 4 h."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"
