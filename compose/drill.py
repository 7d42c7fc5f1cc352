"""A fire drill: break the demo, wait for the page, heal it, wait for the resolve, and tell how long each took."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from modelwatch.compose.state import StackError


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
        raise StackError(f"{method} {url} failed: {error}. Is the stack up? `modelwatch status` tells") from error


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
            if now - told >= 15:
                told = now
                self.say(f"  waiting for the {what} ({now - start:.0f} s)")
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
