"""Faults: on, off, and healing by themselves."""

from __future__ import annotations

from demo.faults import FAILING, FAULTS, SLOW, Faults


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_fault_stays_until_it_is_healed() -> None:
    clock = Clock()
    faults = Faults(clock)
    assert not faults.on(SLOW)
    faults.inject(SLOW)
    clock.now = 1e9
    assert faults.on(SLOW)
    assert not faults.on(FAILING)
    faults.heal(SLOW)
    assert not faults.on(SLOW)


def test_a_fault_with_a_duration_heals_itself() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.inject(SLOW, 10)
    clock.now = 9.9
    assert faults.on(SLOW)
    clock.now = 10.0
    assert not faults.on(SLOW)


def test_injecting_again_moves_the_end() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.inject(SLOW, 10)
    clock.now = 9
    faults.inject(SLOW, 10)
    clock.now = 18
    assert faults.on(SLOW)


def test_the_listing_tells_every_fault_and_when_it_heals() -> None:
    faults = Faults(Clock())
    faults.inject(SLOW, 12)
    faults.inject(FAILING)
    listing = {str(fault["name"]): fault for fault in faults.listing()}
    assert set(listing) == set(FAULTS)
    assert (listing["slow"]["active"], listing["slow"]["heals_in_seconds"]) == (True, 12)
    assert (listing["failing"]["active"], listing["failing"]["heals_in_seconds"]) == (True, None)
    assert not listing["missing_weather"]["active"]
    faults.heal_all()
    assert not any(fault["active"] for fault in faults.listing())
