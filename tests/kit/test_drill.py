"""A drill breaks, waits, heals, and tells the times; whatever happens, the fault is healed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelwatch.compose.drill import EXERCISES, Drill
from modelwatch.compose.state import StackError


class Stack:
    """A stand-in for the demo and the pager: pages ``page_after`` seconds after the fault, resolves after healing."""

    def __init__(self, page_after: float | None = 20, resolve_after: float = 30, open_already: bool = False) -> None:
        self.now, self.broken, self.healed = 0.0, None, None
        self.page_after, self.resolve_after = page_after, resolve_after
        self.old = [{"number": 1, "status": "triggered" if open_already else "resolved"}]
        self.asked: list[tuple[str, str]] = []

    def ask(self, method: str, url: str) -> Any:
        self.asked.append((method, url))
        if "/faults/" in url:
            if method == "POST":
                self.broken = self.now
            else:
                self.healed = self.now
            return None
        incidents = list(self.old)
        if self.broken is not None and self.page_after is not None and self.now - self.broken >= self.page_after:
            done = self.healed is not None and self.now - self.healed >= self.resolve_after
            incidents.append({"number": 2, "status": "resolved" if done else "triggered"})
        return {"incidents": incidents}

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def drill(said: list[str]) -> Callable[[Stack], Drill]:
    def make(stack: Stack) -> Drill:
        return Drill(
            EXERCISES["failing"], "http://demo", "http://pager", said.append, stack.ask, lambda: stack.now, stack.sleep
        )

    return make


def test_the_times_from_fault_to_page_and_from_healing_to_resolve_are_measured(
    drill: Callable[[Stack], Drill], said: list[str]
) -> None:
    stack = Stack(page_after=20, resolve_after=30)
    times = drill(stack).run()
    assert (times.to_page, times.to_resolve, times.incident) == (20, 30, 2)
    assert ("POST", "http://demo/faults/failing") in stack.asked
    assert ("DELETE", "http://demo/faults/failing") in stack.asked
    assert any("waiting for the page" in line for line in said)


def test_a_page_that_never_comes_is_told_and_the_fault_is_healed(drill: Callable[[Stack], Drill]) -> None:
    stack = Stack(page_after=None)
    with pytest.raises(StackError, match="no page within 600 s: look at Prometheus' alerts"):
        drill(stack).run()
    assert stack.healed is not None


def test_an_incident_that_is_open_already_is_not_taken_for_the_drills(drill: Callable[[Stack], Drill]) -> None:
    stack = Stack(open_already=True)
    with pytest.raises(StackError, match="is open already: wait until it resolves"):
        drill(stack).run()
    assert stack.broken is None
