"""Predictions that wait for their true label, and how good the answered ones were."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

Truth = str | float


@dataclass(frozen=True)
class Tally:
    """``recent`` is over the last 500 labels: the share that was right, or the mean absolute error."""

    predictions: int
    errors: int
    labelled: int
    unknown: int
    recent: float | None


class Ledger:
    """One model's. Holds at most ``capacity`` predictions, the newest; safe to use from several threads."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._waiting: OrderedDict[str, Truth] = OrderedDict()
        self._recent: deque[float] = deque(maxlen=500)
        self._predictions = self._errors = self._labelled = self._unknown = 0
        self._lock = threading.Lock()

    def answered(self, key: str | None, prediction: Truth) -> None:
        """A row was answered; without an id its label cannot be joined."""
        with self._lock:
            self._predictions += 1
            if key is not None:
                self._waiting[key] = prediction
                self._waiting.move_to_end(key)
                if len(self._waiting) > self._capacity:
                    self._waiting.popitem(last=False)

    def failed(self, rows: int) -> None:
        with self._lock:
            self._errors += rows

    def labelled(self, key: str, actual: Truth) -> Truth | None:
        """The prediction that this label is of, once; None when it is not known (any more)."""
        with self._lock:
            predicted = self._waiting.pop(key, None)
            if predicted is None:
                self._unknown += 1
                return None
            self._labelled += 1
            if isinstance(predicted, str) or isinstance(actual, str):
                self._recent.append(float(predicted == actual))
            else:
                self._recent.append(abs(predicted - actual))
            return predicted

    def tally(self) -> Tally:
        with self._lock:
            recent = sum(self._recent) / len(self._recent) if self._recent else None
            return Tally(self._predictions, self._errors, self._labelled, self._unknown, recent)
