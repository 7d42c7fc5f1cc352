"""Waits until every part answers at its readiness URL, and tells at once when one has died instead.

A sidecar that lacks the profile of one model watches the others: it is waited for no longer than it takes to say so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from modelwatch.compose import sidecar_ready, web
from modelwatch.compose.backend import UP, Condition, Runtime
from modelwatch.compose.report import Progress
from modelwatch.compose.sidecar_ready import Readiness
from modelwatch.compose.state import StackError
from modelwatch.compose.table import part_named

_TAIL = 12
_PAUSE = 0.2


class NotReadyError(StackError):
    """A part died or did not answer in time. ``part`` is its name."""

    def __init__(self, part: str, what: str, runtime: Runtime) -> None:
        lines = [f"    {line}" for line in runtime.tail(part, _TAIL)] or ["    (nothing)"]
        super().__init__(
            "\n".join([f"{part} {what}. The last lines of its log:", *lines, f"all of it: {runtime.log(part)}"])
        )
        self.part = part


def is_up(condition: Condition | None) -> bool:
    return condition is not None and condition.state in UP


def is_ready(name: str, condition: Condition | None, public: Mapping[str, str]) -> bool:
    if condition is None or condition.state not in UP:
        return False
    url = part_named(name).ready_url(public)
    return condition.state == "running" if url is None else web.ask(url).good


def lacking(name: str, public: Mapping[str, str]) -> Readiness | None:
    """What a part that runs and is not ready says that it lacks; None where it says nothing of the kind."""
    part = part_named(name)
    url = part.ready_url(public) if part.tells_missing else None
    found = sidecar_ready.read(web.ask(url)) if url else None
    return found if found and not found.ready else None


def wait_ready(
    names: Iterable[str],
    runtime: Runtime,
    public: Mapping[str, str],
    progress: Progress,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, Readiness]:
    """Return when all are ready; those that go on without something, with what that is.

    Raises NotReadyError for the first that dies or is out of its patience.
    """
    waiting, first = list(names), dict[str, str]()
    degraded: dict[str, Readiness] = {}
    began = progress.elapsed
    while waiting:
        conditions = runtime.conditions()
        for name in tuple(waiting):
            condition = conditions.get(name)
            if condition is None or condition.state not in UP or first.setdefault(name, condition.run) != condition.run:
                raise NotReadyError(name, f"ended while it started ({_why(condition)})", runtime)
            if is_ready(name, condition, public):
                waiting.remove(name)
                progress.ready(name)
                continue
            late = progress.elapsed - began > part_named(name).patience
            without = lacking(name, public)
            if without and (late or not without.loading):
                waiting.remove(name)
                degraded[name] = without
                progress.degraded(name)
            elif late:
                url = part_named(name).ready_url(public)
                raise NotReadyError(name, f"did not answer at {url} within {part_named(name).patience:.0f} s", runtime)
        if waiting:
            progress.waiting(part_named(name).title for name in waiting)
            pause(_PAUSE)
    progress.clear()
    return degraded


def _why(condition: Condition | None) -> str:
    return (condition.detail if condition else "") or "it is not there any more"
