"""A fire drill: break the demo, wait for the page, heal it, wait for the resolve, and tell how long each took."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from modelwatch.compose import runtimes
from modelwatch.compose.readiness import is_ready
from modelwatch.compose.state import Folder, Record, StackError, read_record
from modelwatch.compose.table import part_named

# What has to work for a fault to become a page, in the order in which the page travels.
_NEEDED = ("demo", "prometheus", "alertmanager", "pagerduty")
_ENQUEUE = "/v2/enqueue"
# In a log, a line each minute says that it still goes on.
_TOLD_EACH = 60


@dataclass(frozen=True, slots=True)
class Exercise:
    """One fault and the page that it must become."""

    fault: str
    alert: str
    model: str
    why: str


EXERCISES: Mapping[str, Exercise] = {
    exercise.fault: exercise
    for exercise in (
        Exercise("failing", "ErrorBudgetBurnFast", "flight-delay", "two of three predictions fail"),
        Exercise("slow", "ErrorBudgetBurnFast", "flight-delay", "every answer takes longer than its SLO allows"),
    )
}


class Http(Protocol):
    """What the drill asks of the network; tests hand in their own."""

    def __call__(self, method: str, url: str) -> Any: ...


def http(method: str, url: str) -> Any:
    """The JSON that an HTTP request answers. Raises StackError."""
    request = urllib.request.Request(url, method=method, data=b"" if method == "POST" else None)  # noqa: S310 - loopback addresses of the stack
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise StackError(f"{method} {url} answered {error.code}: {error.read(500).decode(errors='replace')}") from error
    except (OSError, ValueError) as error:
        raise StackError(f"{method} {url} failed: {error}: `modelwatch status` tells how the stack stands") from error


class CannotDrillError(StackError):
    """A drill cannot begin; ``help`` says what to do."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True)
class Standing:
    """A stack as a drill sees it. ``demo`` is whether the demo is in its folder; ``ready`` are the parts that answer.

    ``running`` is None where no stack runs; ``double`` is whether pages go to the local double.
    """

    demo: bool
    running: Record | None = None
    ready: frozenset[str] = frozenset()
    double: bool = True


def standing(folder: Folder) -> Standing:
    """How the stack of a folder stands now. Raises StackError when what runs it does not answer."""
    demo = (folder.root / "demo" / "__main__.py").is_file()
    record = read_record(folder)
    runtime = runtimes.attach(folder, record) if record else None
    if record is None or runtime is None:
        return Standing(demo)
    conditions = runtime.conditions()
    ready = frozenset(name for name in _NEEDED if is_ready(name, conditions.get(name), record.public))
    try:
        routing = (folder.config / "alertmanager" / "alertmanager.yaml").read_text(encoding="utf-8")
    except OSError:
        routing = _ENQUEUE
    return Standing(demo, record, ready, _ENQUEUE in routing)


def addresses(found: Standing) -> Mapping[str, str]:
    """``host:port`` of the parts that a drill talks to. Raises CannotDrillError for what stands in its way."""
    record = found.running
    if not found.demo if record is None else "demo" not in record.parts:
        raise CannotDrillError(
            "a drill breaks the demo, and this folder's stack has none",
            "drill in a clone of modelwatch: make up, then make drill; to see your own model page, stop its service "
            "and wait for ModelDown",
        )
    if record is None:
        raise CannotDrillError("no stack runs in this folder", "start it with modelwatch up, then drill")
    for name in _NEEDED:
        if name not in found.ready:
            raise CannotDrillError(
                f"the {part_named(name).title} does not answer at {record.public[part_named(name).address]}",
                f"modelwatch status tells how it stands, modelwatch logs {name} what it said",
            )
    if not found.double:
        raise CannotDrillError(
            "pages of this stack go to the real PagerDuty, whose incidents a drill cannot see",
            "move the PagerDuty key out of secrets/, run modelwatch up and drill with the local double",
        )
    return record.public


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from the fault to the page, from healing to the resolve. ``incident`` is its number at the pager."""

    to_page: float
    to_resolve: float
    incident: int


@dataclass
class Drill:
    """One exercise against a running stack."""

    exercise: Exercise
    demo: str
    pager: str
    say: Callable[[str], None]
    ask: Http = http
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    live: Callable[[str], None] | None = None
    """Shows a line in place of the one before, where there is a terminal."""
    page_timeout: float = 600
    resolve_timeout: float = 1500
    _seen: set[int] = field(default_factory=set)

    def _incidents(self) -> list[dict[str, Any]]:
        found = self.ask("GET", f"{self.pager}/incidents?model={self.exercise.model}&alert={self.exercise.alert}")
        return list(found["incidents"] if isinstance(found, dict) else found)

    def _wait(self, what: str, limit: float, found: Callable[[], int | None]) -> tuple[int, float]:
        start = told = self.monotonic()
        while True:
            number = found()
            now = self.monotonic()
            if number is not None:
                return number, now - start
            if now - start > limit:
                raise StackError(
                    f"no {what} within {limit:.0f} s: look at Prometheus' alerts and at `modelwatch logs alertmanager`"
                )
            line = f"  waiting for the {what} ({now - start:.0f} s)"
            if self.live is not None:
                self.live(line)
            elif now - told >= _TOLD_EACH:
                told = now
                self.say(line)
            self.sleep(1)

    def _opened(self) -> int | None:
        return next((one["number"] for one in self._incidents() if one["number"] not in self._seen), None)

    def _resolved(self, number: int) -> Callable[[], int | None]:
        def look() -> int | None:
            return next(
                (one["number"] for one in self._incidents() if one["number"] == number and one["status"] == "resolved"),
                None,
            )

        return look

    def run(self) -> Times:
        """Break, wait for the page, heal, wait for the resolve; healed however this ends. Raises StackError."""
        exercise = self.exercise
        self._seen = {one["number"] for one in self._incidents() if one["status"] != "resolved"}
        if self._seen:
            raise StackError(
                f"{exercise.alert} of {exercise.model} is open already: wait until it resolves, then drill again"
            )
        self._seen = {one["number"] for one in self._incidents()}
        self.say(f"breaking the demo: {exercise.fault} ({exercise.why})")
        self.ask("POST", f"{self.demo}/faults/{exercise.fault}")
        try:
            number, to_page = self._wait("page", self.page_timeout, self._opened)
            self.say(
                f"paged after {to_page:.0f} s: incident {number}, {exercise.alert} of {exercise.model}, at {self.pager}"
            )
        finally:
            self.ask("DELETE", f"{self.demo}/faults/{exercise.fault}")
        self.say("healed; waiting for the resolve (the short window of the alert has to empty first)")
        _, to_resolve = self._wait("resolve", self.resolve_timeout, self._resolved(number))
        self.say(f"resolved {to_resolve:.0f} s after healing")
        return Times(to_page, to_resolve, number)
