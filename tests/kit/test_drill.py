"""A drill breaks, waits, heals, and tells the times; whatever happens, the fault is healed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelwatch.compose.drill import EXERCISES, CannotDrillError, Drill, Standing, addresses, standing
from modelwatch.compose.state import Folder, Record, StackError
from modelwatch.model.addresses import DEFAULT_PORTS


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
    assert not any("waiting for the page (" in line for line in said), "twenty seconds are not worth a line of a log"


def test_a_log_gets_a_line_a_minute_and_a_terminal_one_that_goes_on(
    drill: Callable[[Stack], Drill], said: list[str]
) -> None:
    drill(Stack(page_after=150, resolve_after=0)).run()
    assert [line for line in said if "waiting for the page (" in line] == [
        "  waiting for the page (60 s)",
        "  waiting for the page (120 s)",
    ]
    said.clear()
    shown: list[str] = []
    onto_a_terminal = drill(Stack(page_after=150, resolve_after=0))
    onto_a_terminal.live = shown.append
    onto_a_terminal.run()
    assert not any("waiting for the page (" in line for line in said)
    assert shown[:3] == [f"  waiting for the page ({second} s)" for second in range(3)]
    assert len(shown) == 150


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


PUBLIC = {part: f"127.0.0.1:{port + 1}" for part, port in DEFAULT_PORTS.items()}
PARTS = ("prometheus", "alertmanager", "exporter", "demo", "pagerduty")
NEEDED = frozenset(PARTS) - {"exporter"}


def running(*parts: str) -> Record:
    return Record("native", PUBLIC, PUBLIC, parts, "digest")


def test_a_drill_talks_to_the_addresses_at_which_the_stack_was_started() -> None:
    assert addresses(Standing(demo=True, running=running(*PARTS), ready=NEEDED)) == PUBLIC


@pytest.mark.parametrize(
    ("found", "message", "help"),
    [
        (Standing(demo=True), "no stack runs in this folder", "start it with modelwatch up, then drill"),
        (Standing(demo=False), "a drill breaks the demo, and this folder's stack has none", "drill in a clone of"),
        (
            Standing(demo=False, running=running("prometheus", "pagerduty"), ready=frozenset(("prometheus",))),
            "a drill breaks the demo, and this folder's stack has none",
            "to see your own model page, stop its service and wait for ModelDown",
        ),
        (
            Standing(demo=True, running=running(*PARTS), ready=NEEDED - {"demo"}),
            "the demo service does not answer at 127.0.0.1:8001",
            "modelwatch logs demo what it said",
        ),
        (
            Standing(demo=True, running=running(*PARTS), ready=NEEDED - {"alertmanager"}),
            "the Alertmanager does not answer at 127.0.0.1:9094",
            "modelwatch status tells how it stands",
        ),
        (
            Standing(demo=True, running=running(*PARTS), ready=NEEDED, double=False),
            "pages of this stack go to the real PagerDuty, whose incidents a drill cannot see",
            "move the PagerDuty key out of secrets/",
        ),
    ],
)
def test_what_stands_in_the_way_of_a_drill_is_told_before_anything_is_broken(
    found: Standing, message: str, help: str
) -> None:
    with pytest.raises(CannotDrillError) as raised:
        addresses(found)
    assert str(raised.value) == message and help in raised.value.help


def test_a_folder_in_which_nothing_was_started_has_no_running_stack(tmp_path: Path) -> None:
    assert standing(Folder.of(tmp_path)) == Standing(demo=False)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "__main__.py").touch()
    assert standing(Folder.of(tmp_path)) == Standing(demo=True)
