"""The service behind the HTTP layer: limits, rate limit, journal, incidents and metrics, one event at a time."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelwatch.compose.pagerduty import limits
from modelwatch.compose.pagerduty.incidents import Board, NoSuchIncidentError, NotOpenError
from modelwatch.compose.pagerduty.journal import JournalError
from modelwatch.compose.pagerduty.metrics import Metrics
from modelwatch.compose.pagerduty.records import ACTIONS, ByHand, Problem, Received, Refused
from modelwatch.compose.pagerduty.throttle import CALLS_PER_MINUTE, Throttle
from modelwatch.compose.pagerduty.webhooks import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwatch.compose.pagerduty.incidents import Incident, Orphan, Status
    from modelwatch.compose.pagerduty.journal import Journal
    from modelwatch.compose.pagerduty.records import JSON, Action, Record
    from modelwatch.compose.pagerduty.webhooks import Notice

log = logging.getLogger(__name__)

SENDER_MAX = 80
_THROTTLE_HINT = "Alertmanager tries again by itself. Longer group_interval and repeat_interval make fewer calls."


@dataclass(frozen=True)
class Answer:
    """What is answered: HTTP status and JSON body, or a plain text."""

    status: int
    body: JSON | str


@dataclass(frozen=True)
class Snapshot:
    """All that can be shown, at one moment. ``revision`` changes whenever any of the rest does."""

    now: datetime
    revision: str
    counts: dict[Status, int]
    incidents: tuple[Incident, ...]
    orphans: tuple[Orphan, ...]
    refused: tuple[Refused, ...]
    notices: tuple[Notice, ...]


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_dedup_key() -> str:
    return uuid.uuid4().hex


class Desk:
    """Takes events in; safe to call from several threads. ``rate_limit`` is in calls a minute per key, 0 for none."""

    def __init__(
        self,
        journal: Journal,
        *,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        new_key: Callable[[], str] = new_dedup_key,
        rate_limit: int = CALLS_PER_MINUTE,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._new_key = new_key
        self._throttle = Throttle(rate_limit, monotonic)
        self._board = Board()
        self._inbox = Inbox()
        self._lock = threading.Lock()
        self._start = uuid.uuid4().hex[:8]
        for line, record in enumerate(journal.records, start=2):
            try:
                self._board.apply(record)
            except (NoSuchIncidentError, NotOpenError):
                reason = "acts on an incident that is not open: the file was edited, move it away to begin anew"
                raise JournalError(journal.path, line, reason) from None
        self.metrics = Metrics(self.counts)

    def enqueue(self, body: bytes, sender: str) -> Answer:
        """Answer a request to the Events API. An accepted event is on the disk when this returns."""
        try:
            event = limits.parse(body)
        except limits.RefusedError as refusal:
            return self.refuse(refusal, sender)
        identity = self._hash(event.routing_key)
        with self._lock:
            if not self._throttle.admit(identity):
                return self._throttled(event, sender)
            dedup_key = event.dedup_key or self._new_key()
            record = Received(
                at=self._clock(),
                action=event.action,
                identity=self._hash(event.routing_key, dedup_key),
                key=event.key,
                dedup_key=event.shown_dedup_key or dedup_key,
                sender=sender[:SENDER_MAX],
                content=event.content,
            )
            try:
                outcome = self._take(record)
            except OSError as error:
                log.error("event not recorded: %s", error)
                self.metrics.event(event.action, "failed")
                return _failed()
        self.metrics.event(event.action, outcome)
        return Answer(202, {"status": "success", "message": "Event processed", "dedup_key": dedup_key})

    def refuse(self, refusal: limits.RefusedError, sender: str) -> Answer:
        """Note a request that breaks a limit, and answer it."""
        sketch = refusal.sketch
        record = Refused(
            at=self._clock(),
            status=refusal.status,
            problems=refusal.problems,
            sender=sender[:SENDER_MAX],
            action=sketch.action,
            key=sketch.key,
            dedup_key=sketch.dedup_key,
            summary=sketch.summary,
        )
        self.metrics.event(sketch.action if sketch.action in ACTIONS else "other", "refused")
        with self._lock:
            try:
                self._take(record)
            except OSError as error:
                log.error("refused request not recorded: %s", error)
                return _failed()
        return refusal_answer(refusal)

    def webhook(self, name: str, body: bytes, sender: str) -> Answer:
        """Take a notification that is no page. The answer is the word that Slack's webhooks give."""
        try:
            with self._lock:
                self._inbox.take(name, body, sender[:SENDER_MAX], self._clock())
        except limits.RefusedError as refusal:
            return self.refuse(refusal, sender)
        return Answer(200, "ok")

    def by_hand(self, number: int, action: Action) -> Incident:
        """Acknowledge or resolve an incident. Raises NoSuchIncidentError, NotOpenError or OSError."""
        with self._lock:
            self._board.find_open(number)
            self._take(ByHand(self._clock(), action, number))
            return self._board.find(number)

    def find(self, number: int) -> Incident:
        """Raises NoSuchIncidentError."""
        with self._lock:
            return self._board.find(number)

    def counts(self) -> dict[Status, int]:
        with self._lock:
            return self._board.counts()

    @property
    def revision(self) -> str:
        return f"{self._start}-{self._board.revision}-{self._inbox.revision}"

    def snapshot(self) -> Snapshot:
        board = self._board
        with self._lock:
            return Snapshot(
                now=self._clock(),
                revision=self.revision,
                counts=board.counts(),
                incidents=board.incidents(),
                orphans=board.orphans(),
                refused=board.refused(),
                notices=self._inbox.notices(),
            )

    def _take(self, record: Record) -> str:
        # First the disk, then the memory: what was answered 202 is never lost, what failed never shows.
        self._journal.append(record)
        return self._board.apply(record)

    def _hash(self, *texts: str) -> str:
        return hashlib.blake2b("\0".join(texts).encode(), key=self._journal.salt, digest_size=16).hexdigest()

    def _throttled(self, event: limits.Event, sender: str) -> Answer:
        problem = Problem("Request Limit Exceeded", _THROTTLE_HINT)
        # Only in memory: a client that hammers must not fill the disk.
        self._board.apply(
            Refused(
                at=self._clock(),
                status=429,
                problems=(problem,),
                sender=sender[:SENDER_MAX],
                action=event.action,
                key=event.key,
                dedup_key=event.shown_dedup_key[:80],
                summary=event.content.summary[:200],
            )
        )
        self.metrics.event(event.action, "throttled")
        return Answer(429, {"status": "throttle exceeded", "message": problem.message, "errors": [problem.message]})


def refusal_answer(refusal: limits.RefusedError) -> Answer:
    errors = [problem.message for problem in refusal.problems]
    return Answer(refusal.status, {"status": "invalid event", "message": "Event object is invalid", "errors": errors})


def _failed() -> Answer:
    message = "The event could not be recorded; try again later"
    return Answer(500, {"status": "error", "message": message, "errors": [message]})
