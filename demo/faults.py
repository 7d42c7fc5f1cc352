"""Faults that people inject to see what the watch says of them, and that heal at a word or by themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """``effect`` is what breaks, ``shows`` where the watch tells it."""

    name: str
    effect: str
    shows: str


SLOW = Fault("slow", "Every answer takes 400 ms longer.", "latency, its SLO, slow traces")
FAILING = Fault("failing", "Two of three requests fail, and so does the batch run.", "errors, the availability SLO")
MISSING_WEATHER = Fault("missing_weather", "The feature store answers without weather.", "missing values")
STALE_FEATURES = Fault("stale_features", "The weather stops being updated.", "feature age, later drift")
SHIFTED_FEATURE = Fault("shifted_feature", "Distances arrive in kilometres, not miles.", "drift of distance")
CONSTANT_OUTPUT = Fault(
    "constant_output", "Every flight is called late, with full confidence.", "drift of the prediction, accuracy"
)
FAULTS: Mapping[str, Fault] = {
    fault.name: fault for fault in (SLOW, FAILING, MISSING_WEATHER, STALE_FEATURES, SHIFTED_FEATURE, CONSTANT_OUTPUT)
}


class Faults:
    """Which faults are on. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heals: dict[str, float | None] = {}
        self._lock = threading.Lock()

    def inject(self, fault: Fault, duration: float | None = None) -> None:
        """Switch a fault on, for ``duration`` seconds where given; a second time moves its end."""
        with self._lock:
            self._heals[fault.name] = None if duration is None else self._clock() + duration

    def heal(self, fault: Fault) -> None:
        with self._lock:
            self._heals.pop(fault.name, None)

    def heal_all(self) -> None:
        with self._lock:
            self._heals.clear()

    def on(self, fault: Fault) -> bool:
        return self.left(fault) is not False

    def left(self, fault: Fault) -> float | bool:
        """Seconds until the fault heals itself; True while it stays until healed, False when it is off."""
        with self._lock:
            if fault.name not in self._heals:
                return False
            heals = self._heals[fault.name]
            if heals is None:
                return True
            left = heals - self._clock()
            if left > 0:
                return left
            del self._heals[fault.name]
            return False

    def listing(self) -> list[dict[str, object]]:
        """All faults for people and programs."""
        found = []
        for fault in FAULTS.values():
            left = self.left(fault)
            found.append(
                {
                    "name": fault.name,
                    "active": left is not False,
                    "heals_in_seconds": None if isinstance(left, bool) else round(left, 1),
                    "effect": fault.effect,
                    "shows": fault.shows,
                }
            )
        return found
