"""A restart changes nothing: whatever came in, wherever it was killed; and damage is told, never counted."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import counts
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwatch.exporters.clock import Moment, TimeLine
from modelwatch.exporters.journal import Journal, segments
from modelwatch.exporters.ledger import MOST_MARKS, Mark, Record
from modelwatch.exporters.monitor import Monitor
from modelwatch.exporters.records import FRAME_SIZE, Header, Segment, _framed, body_bytes, record_bytes
from modelwatch.exporters.shape import delta_of, shape_of
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
        self.live = Monitor(self.layout, self.endless)  # type: ignore[arg-type]
        self.start()

    def _journal(self, header: Header) -> Journal:
        self.journal = self.state.journal(header)
        return self.journal

    def start(self) -> None:
        self.state = State(self.root)
        before = self.state.load(counts.NAME)
        self.kept = Monitor(self.layout, self.clock, before, self._journal)  # type: ignore[arg-type]

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
        self.live.retire(lambda tally: found.append(Monitor(self.layout, self.endless, tally)))  # type: ignore[arg-type]
        self.kept.retire(lambda tally: found.append(Monitor(self.layout, self.clock, tally, self._journal)))  # type: ignore[arg-type]
        self.live, self.kept = found
        self.save()

    def equal(self) -> None:
        assert counts.everything(self.kept) == counts.everything(self.live)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(0, 1 << 30)),
        st.tuples(st.just("post"), st.integers(0, 1 << 30)),
        st.tuples(st.just("pass"), st.integers(0, 4 * 4000).map(lambda quarters: quarters / 4)),
        st.tuples(st.just("kill")),
        st.tuples(st.just("torn"), st.integers(0, 1 << 30), st.floats(0, 0.999)),
        st.tuples(st.just("save")),
        st.tuples(st.just("read")),
        st.tuples(st.just("switch"), st.integers(0, len(LAYOUTS) - 1)),
        st.tuples(st.just("jump"), st.sampled_from([-1e6, -3600.0, 0.25, 86_400.0 * 9])),
        st.tuples(st.just("reboot")),
    ),
    max_size=40,
)


@pytest.fixture
def root() -> Iterator[Path]:
    yield from _folder()


def _folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp())
    yield found
    shutil.rmtree(found)


@settings(max_examples=100)
@given(steps)
def test_state_after_restarts_is_the_state_without_them_to_the_last_digit(found: list[tuple]) -> None:  # type: ignore[type-arg]
    for folder in _folder():
        pair = Pair(folder)
        jumped = False
        for name, *arguments in found:
            match name:
                case "pass":
                    pair.clock.pass_(arguments[0])
                case "jump":
                    pair.clock.epoch += arguments[0]
                    jumped = True
                case "read":
                    pair.equal()
                case "reboot":
                    # Over a new boot the wall clock is all there is, so it may not have jumped.
                    if not jumped:
                        pair.endless.before += pair.clock.now - 3.0
                        pair.clock.now, pair.clock.booted = 3.0, pair.clock.booted + 1
                        pair.kill()
                        pair.save()  # as a sidecar does that has loaded
                case _:
                    getattr(pair, name)(*arguments)
            if name in ("kill", "torn", "reboot"):
                pair.equal()
        pair.kill()
        for _ in range(5):
            pair.equal()
            pair.clock.pass_(700)
        assert pair.state.failures == {"load": 0, "save": 0}


@settings(max_examples=60)
@given(st.lists(st.integers(0, 1 << 30), min_size=1, max_size=12), st.integers(0, 12), st.integers(1, 4))
def test_replaying_again_and_again_counts_nothing_twice(seeds: list[int], saved: int, times: int) -> None:
    for folder in _folder():
        pair = Pair(folder)
        for index, seed in enumerate(seeds):
            pair.post(seed)
            if index == saved:
                # Taken without a new segment: the journal still has what the snapshot has.
                assert pair.state.save(pair.kept.snapshot().tally, counts.NAME)
        for _ in range(times):
            pair.kill()
            pair.equal()
        twice = [*segments(folder / "m.journal")]
        for path in twice:
            shutil.copy(path, path.with_name(path.name.replace("-0000", "-0007")))
        pair.kill()
        pair.equal()


@settings(max_examples=80)
@given(
    st.lists(st.tuples(st.integers(0, 1 << 30), st.sampled_from(["", "", "save", "kill"])), min_size=1, max_size=10),
    st.data(),
)
def test_a_flipped_bit_anywhere_costs_nothing_or_is_told_and_nothing_is_counted_that_was_not_sent(found, data) -> None:  # type: ignore[no-untyped-def]
    for folder in _folder():
        pair = Pair(folder)
        pair.save()
        for seed, then in found:
            pair.post(seed)
            if then:
                getattr(pair, then)()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        path = data.draw(st.sampled_from(files))
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) * 8 - 1))
        content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        pair.kill()
        live, kept = counts.everything(pair.live), counts.everything(pair.kept)
        if pair.state.failures["load"] == 0:
            assert kept == live
        for name in ("counters", "accepted"):
            assert (np.array(kept[name]) <= np.array(live[name])).all()
        # And it goes on: what comes from now on is counted, and kept.
        before = pair.kept.snapshot().tally
        pair.post(77)
        pair.post(78)
        after = counts.everything(pair.kept)
        pair.kill()
        assert counts.everything(pair.kept) == after
        assert pair.kept.snapshot().tally.accepted - before.accepted == sum(
            counts.counted(pair.layout, seed).accepted for seed in (77, 78)
        )


@settings(max_examples=100)
@given(st.lists(st.integers(0, 1 << 30), min_size=1, max_size=6), st.data())
def test_damage_is_passed_over_in_its_segment_alone(seeds: list[int], data) -> None:  # type: ignore[no-untyped-def]
    for folder in _folder():
        pair = Pair(folder)
        pair.save()
        for _ in range(3):
            for seed in seeds:
                pair.post(seed | 1)
            pair.kept.rest()
        paths = segments(folder / "m.journal")
        if len(paths) < 3:
            return  # requests that held nothing
        broken = data.draw(st.integers(0, 2))
        content = bytearray(paths[broken].read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 0x55
        paths[broken].write_bytes(content)
        pair.kill()
        whole = sum(counts.counted(pair.layout, seed | 1).accepted for seed in seeds)
        assert 2 * whole <= pair.kept.snapshot().tally.accepted <= 3 * whole
        assert pair.state.failures["load"] >= 1


def test_numbers_of_requests_that_could_not_be_read_are_not_given_out_again(root: Path) -> None:
    """A disk that reads well again later must not make the newer requests look as if they had been counted."""
    pair = Pair(root)
    for seed in range(10):
        pair.post(seed)
    (path,) = segments(root / "m.journal")
    whole = path.read_bytes()
    path.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
    pair.kill()
    assert pair.kept.snapshot().tally.accepted < pair.live.snapshot().tally.accepted
    for seed in range(20, 30):
        pair.post(seed)
    path.write_bytes(whole)
    pair.kill()
    kept, live = pair.kept.snapshot().tally, pair.live.snapshot().tally
    assert (kept.accepted, dict(kept.reasons)) == (live.accepted, dict(live.reasons))
    assert (kept.counters == live.counters).all()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 1 << 30), min_size=1, max_size=8), st.floats(0, 1), st.booleans())
def test_a_machine_that_stopped_costs_the_end_of_the_journal_alone(seeds: list[int], share: float, zeros: bool) -> None:
    """What was not flushed is missing, or is zeros on some file systems; what was flushed counts."""
    for folder in _folder():
        pair = Pair(folder)
        pair.save()
        after = [0]
        for seed in seeds:
            pair.post(seed)
            after.append(pair.live.snapshot().tally.accepted)
        paths = segments(folder / "m.journal")
        if not paths:
            return  # requests that held nothing
        content = paths[0].read_bytes()
        left = int(len(content) * share)
        paths[0].write_bytes(content[:left] + b"\0" * (len(content) - left) * zeros)
        pair.kill()
        assert pair.kept.snapshot().tally.accepted in after
        told = pair.state.failures["load"]
        assert told <= zeros  # an end that is cut short looks as after a kill
        before = pair.kept.snapshot().tally.accepted
        pair.post(77)
        pair.kill()
        assert pair.kept.snapshot().tally.accepted == before + counts.counted(pair.layout, 77).accepted


def test_a_profile_that_was_replaced_while_running_is_replayed_onto_the_right_blocks(root: Path) -> None:
    pair = Pair(root)
    for seed in range(20):
        pair.post(seed)
    found: list[Monitor] = []
    for to in (1, 2, 0):
        # No snapshot in between: the disk was full.
        pair.layout, found = LAYOUTS[to], []
        pair.live.retire(lambda tally: found.append(Monitor(pair.layout, pair.endless, tally)))  # type: ignore[arg-type]  # noqa: B023
        pair.kept.retire(lambda tally: found.append(Monitor(pair.layout, pair.clock, tally, pair._journal)))  # type: ignore[arg-type]  # noqa: B023
        pair.live, pair.kept = found
        for seed in range(20):
            pair.post(100 * to + seed)
    assert len(segments(root / "m.journal")) == 4
    pair.kill()
    pair.equal()
    # "b" has been away and "c" has had other bins in between: both began afresh, "a" as well.
    tally = pair.kept.snapshot().tally
    only = Monitor(LAYOUTS[0], pair.clock)  # type: ignore[arg-type]
    for seed in range(20):
        only.add(counts.counted(LAYOUTS[0], seed))  # type: ignore[arg-type]
    last = only.snapshot().tally.counters
    assert list(tally.counters[3:]) == list(last[3:])
    assert list(tally.counters[:3]) != list(last[:3])  # "a" was in the layout before, too


# --- the time line ---


def _line(clock: Clock, before: Moment | None = None) -> Moment:
    return TimeLine(clock, before).now()


def test_the_time_line_begins_with_the_wall_clock_and_follows_the_monotonic_one() -> None:
    clock = Clock()
    line = TimeLine(clock)
    assert line.now().time == 1_700_000_000_000_000
    clock.now += 5
    clock.epoch -= 1e8
    assert line.now().time == 1_700_000_005_000_000
    clock.now -= 100
    assert line.now().time == 1_700_000_005_000_000


@pytest.mark.parametrize(
    ("wall", "monotonic", "boot", "passed"),
    [
        (60.0, 60.0, 0, 60.0),
        (-1e7, 60.0, 0, 60.0),
        (1e7, 60.0, 0, 60.0),
        (60.0, -990.0, 1, 60.0),
        (-1e7, -990.0, 1, 0.0),
        (60.0, -990.0, 0, 60.0),
        (60.0, 1e6, 1, 60.0),
    ],
)
def test_while_nothing_ran_the_clock_that_can_be_trusted_counts(wall, monotonic, boot, passed) -> None:  # type: ignore[no-untyped-def]
    clock = Clock()
    before = _line(clock)
    clock.epoch += wall
    clock.now += monotonic
    clock.booted += boot
    assert _line(clock, before).time - before.time == passed * 1e6


def test_shapes_are_read_as_they_were_written() -> None:
    for found in LAYOUTS:
        shape = shape_of(found)  # type: ignore[arg-type]
        assert type(shape).of_plain(shape.plain()) == shape


def test_marks_are_of_the_files_that_were_read_last_and_no_more(root: Path) -> None:
    pair = Pair(root)
    files = range(0, 2 * MOST_MARKS)
    found = counts.counted(pair.layout, 3)
    assert found.accepted
    for file in [*files, 7]:
        for monitor in (pair.live, pair.kept):
            monitor.add(found, Mark(file, 10 * file, file))  # type: ignore[arg-type]
        if file % 100 == 50:
            pair.save()
    pair.kill()
    pair.equal()
    last = [*files[-MOST_MARKS + 1 :], 7]
    assert list(pair.kept.snapshot().tally.marks) == last
    assert [pair.kept.mark(file) for file in files] == [
        Mark(file, 10 * file, file) if file in last else None for file in files
    ]


def test_rows_and_their_mark_are_lost_together_or_not_at_all(root: Path) -> None:
    """Cut short at any byte, as a machine leaves it that stopped."""
    pair = Pair(root)
    seen = []
    for number in range(1, 6):
        pair.kept.add(counts.counted(pair.layout, 3), Mark(9, number, 0))  # type: ignore[arg-type]
        seen.append((pair.kept.snapshot().tally.accepted, pair.kept.mark(9)))
    (path,) = segments(root / "m.journal")
    content = path.read_bytes()
    for left in range(len(content) // 2, len(content) + 1):
        path.write_bytes(content[:left])
        found = State(root).load(counts.NAME)
        if found is not None:
            assert (found.accepted, found.marks[9]) in seen


# --- other versions ---


def _as_first(pair: Pair) -> None:
    """What is on disk becomes what the version before marks has written."""
    for path in segments(pair.root / "m.journal"):
        content = path.read_bytes()
        segment = Segment(content)
        head, seed = content[FRAME_SIZE : segment._at].replace(b"journal/2", b"journal/1"), 0
        made = _framed(head, 0)
        seed = crc32(head)
        for record in segment.records():
            made += record_bytes(record._replace(mark=None), body_bytes(record.delta), seed)
        path.write_bytes(made)
    for path in pair.root.glob("m.state"):
        text, _, body = path.read_bytes().partition(b"\n")[2].partition(b"\n")
        head = orjson.loads(text)
        del head["marks"]
        whole = orjson.dumps(head | {"format": "modelwatch.state/2"}) + b"\n" + body
        path.write_bytes(hashlib.sha256(whole).hexdigest().encode() + b"\n" + whole)


@pytest.mark.parametrize("saved", [False, True])
def test_what_the_version_before_marks_has_written_is_counted_as_ever(root: Path, saved: bool) -> None:
    pair = Pair(root)
    for seed in range(0, 40, 2):
        pair.post(seed)
        if saved and seed == 20:
            pair.save()
    _as_first(pair)
    pair.kill()
    pair.equal()
    pair.post(7)
    pair.kill()
    pair.equal()
    assert pair.state.failures == {"load": 0, "save": 0}


def test_what_a_later_version_has_written_is_told_moved_aside_and_never_deleted(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pair = Pair(root)
    pair.post(3)
    pair.save()
    pair.post(5)
    state, (_, segment) = root / "m.state", segments(root / "m.journal")
    whole = state.read_bytes().partition(b"\n")[2].replace(b"modelwatch.state/3", b"modelwatch.state/9")
    state.write_bytes(hashlib.sha256(whole).hexdigest().encode() + b"\n" + whole)
    content = segment.read_bytes()
    head = content[FRAME_SIZE : Segment(content)._at].replace(b"journal/2", b"journal/9")
    segment.write_bytes(_framed(head, 0) + content[Segment(content)._at :])
    theirs = {path.name + ".other": path.read_bytes() for path in (state, segment)}
    pair.kill()
    assert pair.state.failures == {"load": 2, "save": 0}
    assert (
        "another version of modelwatch (format 'modelwatch.state/9'; this one reads modelwatch.state/2 and"
        in caplog.text
    )
    assert "another version of modelwatch (format 'modelwatch.journal/9'" in caplog.text
    assert "damaged" not in caplog.text
    for seed in range(20):
        pair.kept.add(counts.counted(pair.layout, seed))  # type: ignore[arg-type]
        pair.save()
    assert {path.name: path.read_bytes() for path in root.rglob("*.other")} == theirs
    caplog.clear()
    pair.kill()
    assert pair.state.failures == {"load": 0, "save": 0}
    # The segment before theirs, and what came after.
    sent = (counts.counted(pair.layout, seed).accepted for seed in [3, *range(20)])
    assert pair.kept.snapshot().tally.accepted == sum(sent)


def test_state_of_the_very_first_version_is_told_and_not_passed_over_in_silence(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, other = root / "m.json", root / "n.json"
    first.write_text('0123\n{"format":"modelwatch.state/1","sequence":5}\n')
    other.write_text('{"somebody": "else\'s"}')
    state = State(root)
    assert state.load("m") is None and state.load("n") is None
    assert state.failures == {"load": 1, "save": 0}
    assert "m.json: was written by the first version, and is not counted; moved to m.json.other" in caplog.text
    assert not first.exists() and (root / "m.json.other").exists() and other.exists()
