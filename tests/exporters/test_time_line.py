"""The time line of windows: no step of the wall clock moves it, and the clock that can be trusted counts."""

from __future__ import annotations

import pytest
from durable import Clock

from modelwatch.exporters.clock import Moment, TimeLine


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
