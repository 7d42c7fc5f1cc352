"""Lines of prediction logs that count nowhere: counted by reason, and told with the place of the first one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

from modelwatch.exporters.ingest.table import Rejection
from modelwatch.exporters.tailing.lines import Batch, Read

Reason = Literal["not_json", "no_model", "unknown_model", "too_long"]
REASONS: tuple[Reason, ...] = get_args(Reason)
_WORDS: Mapping[Reason, str] = {
    "not_json": "lines that are no JSON are",
    "no_model": "lines that name no model are",
    "too_long": "lines longer than 1 MiB are",
}


class Skipped:
    """How many lines belong to no model, by reason, since the process started. One thread adds; any may read."""

    def __init__(self) -> None:
        self._counts: Counter[Reason] = Counter()

    def add(self, reason: Reason, lines: int) -> int:
        """How many there are by now."""
        self._counts[reason] += lines
        return self._counts[reason]

    def counts(self) -> dict[Reason, int]:
        """Of every reason."""
        return {reason: self._counts[reason] for reason in REASONS}


class Losses:
    """Tells of one step of a log what of it counts nowhere. ``tell`` gets what is told ever less often, and details."""

    def __init__(self, skipped: Skipped, tell: Callable[[str, str], None]) -> None:
        self._skipped, self._tell = skipped, tell

    def too_long(self, path: Path, lines: int, start: int) -> None:
        if lines:
            self._lines(path, "too_long", _WORDS["too_long"], lines, start=start, why="write less into a row")

    def nameless(self, path: Path, batch: Batch) -> None:
        for reason, found in batch.nameless.items():
            self._lines(path, reason, _WORDS[reason], found.lines, start=found.start, why=found.why)

    def unknown_model(self, path: Path, model: str, read: Read) -> None:
        what = f"rows of {model[:100]!a}, which no spec describes, are"
        self._lines(path, "unknown_model", what, len(read.rows), start=read.starts[0], why="")

    def rejected(self, path: Path, model: str, read: Read, offset: int, errors: Mapping[int, Rejection]) -> None:
        """``errors`` are of the rows of ``read`` that end behind ``offset``; the sidecar has counted them."""
        if not errors:
            return
        index = min(errors)
        reasons = Counter(found.reason for found in errors.values())
        ((most, _),) = reasons.most_common(1)
        begins = read.starts[read.first(offset) + index]
        self._tell(
            f"{path}: rows of {model} are rejected ({most})",
            f": {len(errors):,} at once; the first begins at byte {begins}: {errors[index].sentence}",
        )

    def _lines(self, path: Path, reason: Reason, what: str, lines: int, *, start: int, why: str) -> None:
        every = self._skipped.add(reason, lines)
        self._tell(
            f"{path}: {what} not counted",
            f": {lines:,} at once; the first begins at byte {start}{why and f': {why}'}"
            f" ({reason}; {every:,} in all logs by now)",
        )
