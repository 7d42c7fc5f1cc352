"""Waits for the parts whose programs are still being built: `up` with WAIT=all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from modelwatch.compose.backend import UP, Runtime
from modelwatch.compose.programs import TOOLS
from modelwatch.compose.readiness import wait_ready
from modelwatch.compose.report import Progress
from modelwatch.compose.table import part_named

_PAUSE = 1.0


def wait_joined(
    pending: Mapping[str, str],
    runtime: Runtime,
    public: Mapping[str, str],
    progress: Progress,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[str, ...]:
    """Wait until every part of ``pending`` has joined and is ready, or nothing builds them; those that did not.

    Raises NotReadyError for one that joined and died.
    """
    left = list(pending)
    while left:
        conditions = runtime.conditions()
        joined = [name for name in left if name in conditions and conditions[name].state != "stopped"]
        wait_ready(joined, runtime, public, progress)
        left = [name for name in left if name not in joined]
        builder = conditions.get(TOOLS)
        if left and not joined and (builder is None or builder.state not in UP):
            break
        if left:
            progress.waiting(f"{part_named(name).title} to be built" for name in left)
            pause(_PAUSE)
    progress.clear()
    return tuple(left)
