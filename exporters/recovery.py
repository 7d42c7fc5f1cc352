"""From what a sidecar left on disk to what it had counted: the snapshot, and the journal's records after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from modelwatch.exporters.clock import Moment
from modelwatch.exporters.formats import OtherFormatError
from modelwatch.exporters.ledger import Ledger, Record, Tally
from modelwatch.exporters.records import LEAST_SIZE, DamagedError, Header, Segment
from modelwatch.exporters.shape import Shape

_NOTHING = Shape((), ())


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """``tally`` is None where there was nothing. ``problems`` say what is damaged or missing, in whole sentences.

    ``replayed`` counts records that the snapshot did not hold. ``others`` names segments of another version.
    """

    tally: Tally | None
    problems: tuple[str, ...]
    replayed: int
    others: tuple[str, ...]


def recover(snapshot: Tally | None, segments: Iterable[tuple[str, int, bytes]]) -> Recovered:
    """``segments`` in their order, as (name, the sequence that it begins with, content).

    Each record counts once, whichever of the two it is in, and in its own segment's shape: where a profile was replaced
    while the sidecar ran, the replay takes the same turn.
    """
    replay = _Replay(snapshot)
    for name, first, content in segments:
        replay.segment(name, first, content)
    return replay.recovered()


class _Replay:
    def __init__(self, snapshot: Tally | None) -> None:
        self._ledger = None if snapshot is None else Ledger(snapshot.shape, snapshot)
        self._moment = None if snapshot is None else snapshot.moment
        self._problems: list[str] = []
        self._others: list[str] = []
        self._replayed = 0
        # No record that there ever was can have a later sequence, readable or not.
        self._highest = 0 if snapshot is None else snapshot.sequence

    def segment(self, name: str, first: int, content: bytes) -> None:
        at = first
        try:
            for header, record in _read(content):
                self._record(name, header, record)
                at = record.sequence + 1
        except DamagedError as error:
            left = len(content) - error.at
            self._problems.append(
                f"{name} is damaged at byte {error.at} ({error}); what follows in it, {left} bytes, is not counted"
            )
            at += left // LEAST_SIZE + 1
        except OtherFormatError as error:
            self._others.append(name)
            self._problems.append(f"{name} {error}; what is in it, {len(content)} bytes, is not counted")
            at += len(content) // LEAST_SIZE + 1
        self._highest = max(self._highest, at - 1)

    def _record(self, name: str, header: Header, record: Record) -> None:
        ledger = self._ledger
        done = 0 if ledger is None else ledger.sequence
        if record.sequence <= done:
            return
        if record.sequence > done + 1:
            before = "" if ledger is None else f" after number {done}"
            self._problems.append(
                f"{name} goes on with request {record.sequence}{before}: "
                f"up to {record.sequence - done - 1} requests before it are not counted"
            )
        if ledger is None or self._moment is None:
            ledger = Ledger(header.shape)
        elif ledger.shape != header.shape:
            ledger = Ledger(header.shape, ledger.tally(self._moment))
        ledger.apply(record)
        self._ledger, self._replayed = ledger, self._replayed + 1
        moment = header.moment.later(record.time, record.wall)
        if self._moment is None or moment.time >= self._moment.time:
            self._moment = moment

    def recovered(self) -> Recovered:
        ledger, moment = self._ledger, self._moment
        if ledger is None or moment is None:
            if not self._problems:
                return Recovered(None, (), 0, ())
            # Nothing can be read, but something was there: its numbers are not given out again.
            ledger, moment = Ledger(_NOTHING), Moment(0, 0.0, 0.0, "")
        tally = replace(ledger.tally(moment), sequence=max(self._highest, ledger.sequence))
        return Recovered(tally, tuple(self._problems), self._replayed, tuple(self._others))


def _read(content: bytes) -> Iterator[tuple[Header, Record]]:
    segment = Segment(content)
    for record in segment.records():
        assert segment.header is not None
        yield segment.header, record
