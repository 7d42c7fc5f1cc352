"""After any end of the process the state is what it would have been without, to the last digit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import counts
import numpy as np
import pytest
from durable import LAYOUTS, Pair
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwatch.exporters.journal import segments
from modelwatch.exporters.monitor import Monitor

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
