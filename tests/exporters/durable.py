"""Two ledgers that are given the same: one is ended and started again and again, the other never."""

from __future__ import annotations

from pathlib import Path

import counts

from modelwatch.exporters.journal import Journal
from modelwatch.exporters.ledger import Record
from modelwatch.exporters.monitor import Monitor
from modelwatch.exporters.records import Header, body_bytes, record_bytes
from modelwatch.exporters.shape import delta_of
from modelwatch.exporters.state import State

LAYOUTS = (
    counts.layout(("a", 3, 2), ("b", 4, 0), ("c", 9, 4)),
    counts.layout(("b", 4, 0), ("c", 9, 4), ("d", 2, 1)),
    counts.layout(("c", 8, 4), ("a", 3, 2), windows=("15m", "6h")),
    counts.layout(("a", 3, 2), ("b", 4, 0), ("c", 9, 4), windows=("1h",)),
)


class Clock:
    def __init__(self) -> None:
        self.now, self.epoch, self.booted = 1000.0, 1_700_000_000.0, 0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.epoch

    def boot(self) -> str:
        return str(self.booted)

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.epoch += seconds


class Endless(Clock):
    """The same, but for the boots of the machine."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self.before = clock, 0.0

    def monotonic(self) -> float:
        return self._clock.now + self.before

    def wall(self) -> float:
        return self._clock.epoch

    def boot(self) -> str:
        return "0"


class Pair:
    """A monitor that never ends, and one on disk that is killed and started again: what they count must be equal."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock, self.layout = root, Clock(), LAYOUTS[0]
        self.journal: Journal | None = None
        self.endless = Endless(self.clock)
        self.live = Monitor(self.layout, self.endless)  # type: ignore[arg-type]  # a clock that a test turns
        self.start()

    def _journal(self, header: Header) -> Journal:
        self.journal = self.state.journal(header)
        return self.journal

    def start(self) -> None:
        self.state = State(self.root)
        before = self.state.load(counts.NAME)
        self.kept = Monitor(self.layout, self.clock, before, self._journal)  # type: ignore[arg-type]  # a clock that a test turns

    def kill(self) -> None:
        if self.journal is not None:
            self.journal.close()  # its descriptor alone; nothing is written by it
        self.start()

    def post(self, seed: int) -> None:
        found = counts.counted(self.layout, seed)
        self.live.add(found, counts.mark(seed))  # type: ignore[arg-type]
        self.kept.add(found, counts.mark(seed))  # type: ignore[arg-type]

    def torn(self, seed: int, share: float) -> None:
        """A kill in the middle of a write, which nobody was told of."""
        assert self.journal is not None
        snapshot = self.kept.snapshot()
        delta = delta_of(counts.counted(self.layout, seed))  # type: ignore[arg-type]
        record = Record(
            snapshot.tally.sequence + 1, snapshot.tally.moment.time, self.clock.wall(), delta, counts.mark(seed)
        )
        content = record_bytes(record, body_bytes(delta), self.journal._seed)
        if self.journal._file is None:
            content, at = self.journal._header, f"{record.sequence:020d}-0000.log"
            self.journal.folder.mkdir(exist_ok=True)
            path = self.journal.folder / at
            if path.exists():
                return
        else:
            path = self.journal._path
        with path.open("ab") as file:
            file.write(content[: int(len(content) * share)])
        self.kill()

    def save(self) -> None:
        assert self.state.save(self.kept.rest(), counts.NAME)

    def switch(self, to: int) -> None:
        self.layout = LAYOUTS[to]
        found: list[Monitor] = []
        self.live.retire(lambda tally: found.append(Monitor(self.layout, self.endless, tally)))  # type: ignore[arg-type]  # a clock that a test turns
        self.kept.retire(lambda tally: found.append(Monitor(self.layout, self.clock, tally, self._journal)))  # type: ignore[arg-type]  # a clock that a test turns
        self.live, self.kept = found
        self.save()

    def equal(self) -> None:
        assert counts.everything(self.kept) == counts.everything(self.live)
