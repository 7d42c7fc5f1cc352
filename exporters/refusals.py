"""Requests with rows that are refused as a whole: counted by reason, and told in the log without what they hold.

A sender that drops what was refused says nothing to anybody, so whoever misses rows must find the reason here.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from modelwatch.exporters.telling import Telling

Reason = Literal[
    "not_readable",
    "disconnected",
    "token",
    "wrong_token",
    "token_file",
    "unknown_model",
    "unknown_path",
    "too_slow",
    "too_large",
    "compressed",
    "content_type",
    "no_rows",
    "full",
    "loading",
    "not_kept",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
# Of a request that names no model of the specs.
NO_MODEL = ""
ROWS_PATHS = "rows are taken at /v1/models/MODEL/predictions and /v1/cloudevents"

_WORDS: Mapping[Reason, str] = {
    "not_readable": "its body cannot be read",
    "disconnected": "its sender went away before the body was complete",
    "token": "it brings no token, and --token-file asks for one",
    "wrong_token": "its token is none of --token-file",
    "token_file": "--token-file cannot be read, so nobody is let in",
    "unknown_model": "no spec has this model",
    "unknown_path": f"{ROWS_PATHS}, with POST",
    "too_slow": "its body took too long",
    "too_large": "it has too many bytes or rows",
    "compressed": "its body is compressed",
    "content_type": "its content type is none that is read",
    "no_rows": "it holds no rows",
    "full": "too much is under way",
    "loading": "the reference profile is being loaded",
    "not_kept": "rows cannot be kept on disk",
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class About:
    """A request as the log may show it. ``model`` is what its path or event names, whether there is one or not."""

    status: int
    model: str | None = None
    size: int | None = None
    peer: str = ""

    def __str__(self) -> str:
        named = f" for {json.dumps(self.model[:100])}" if self.model is not None else ""
        size = "" if self.size is None else f" of {self.size:,} bytes"
        sender = f" from {self.peer}" if self.peer else ""
        return f"a request{named}{size}{sender} was refused with {self.status}"


class Refusals:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, Reason]] = Counter()
        self._telling = Telling()

    def add(self, reason: Reason, about: About, known: Collection[str]) -> None:
        """Count a refused request; ``known`` are the models that there are, since no other may become a series."""
        model = about.model if about.model is not None and about.model in known else NO_MODEL
        with self._lock:
            self._counts[model, reason] += 1
            times = self._telling.times(f"{model} {reason}")
        if times:
            often = f"; {times:,} such ones by now" if times > 1 else ""
            _log.warning("%s: %s (%s)%s", about, _WORDS[reason], reason, often)

    def of(self, model: str = NO_MODEL) -> dict[Reason, int]:
        """Every reason, with how many requests it refused."""
        with self._lock:
            return {reason: self._counts[model, reason] for reason in REASONS}
