"""What PagerDuty does with accepted events, as a state machine over the journal's records.

The same records give the same incidents, numbers included, so a restart is a replay. Time is in the records: nothing
here reads a clock. Rules: "Send an Alert Event" (alert de-duplication, event action behaviour) in PagerDuty's
documentation.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from modelwatch.compose.pagerduty import details
from modelwatch.compose.pagerduty.records import Action, ByHand, Content, Received, Record, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

Status = Literal["triggered", "acknowledged", "resolved"]
Outcome = Literal["opened", "appended", "acknowledged", "resolved", "orphan", "refused"]
OrphanReason = Literal["already_resolved", "other_routing_key", "unknown_dedup_key"]

RESOLVED_KEPT = 1000
ORPHANS_KEPT = 200
REFUSED_KEPT = 200
# Of one incident's timeline: an open page that repeats for weeks must not grow for ever.
ENTRIES_KEPT = 200

BY_HAND = "by hand"


@dataclass(frozen=True)
class Entry:
    """A line of an incident's timeline. ``by`` is the sender, or BY_HAND."""

    at: datetime
    action: Action
    outcome: Outcome
    by: str
    summary: str = ""
    severity: str = ""


@dataclass(frozen=True)
class Incident:
    """A page. ``summary`` is the first trigger's, as PagerDuty keeps it; ``content`` is the newest trigger's.

    ``resolution`` is what a resolve event said. ``entries`` counts every event, also those that left the timeline.
    """

    number: int
    status: Status
    identity: str
    key: str
    dedup_key: str
    summary: str
    content: Content
    opened_at: datetime
    updated_at: datetime
    timeline: tuple[Entry, ...]
    entries: int = 1
    triggers: int = 1
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    resolution: Content | None = None
    alerts: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        return self.status != "resolved"


@dataclass(frozen=True)
class Orphan:
    """An acknowledge or resolve that PagerDuty accepts and drops: no open incident answers to it.

    ``incident`` is the one with the same dedup key, where there is one.
    """

    at: datetime
    action: Action
    reason: OrphanReason
    key: str
    dedup_key: str
    sender: str
    summary: str
    incident: int | None


class NoSuchIncidentError(LookupError):
    """No incident has this number, or it was resolved so long ago that it is forgotten."""


class NotOpenError(ValueError):
    """The incident is resolved: only a new trigger opens a new one."""


class Board:
    """All incidents, orphan events and refused requests. Bounded: see RESOLVED_KEPT and its neighbours."""

    def __init__(self, resolved_kept: int = RESOLVED_KEPT) -> None:
        self._resolved_kept = resolved_kept
        self._open: dict[str, Incident] = {}
        self._resolved: dict[int, Incident] = {}
        self._orphans: deque[Orphan] = deque(maxlen=ORPHANS_KEPT)
        self._refused: deque[Refused] = deque(maxlen=REFUSED_KEPT)
        self._last_number = 0
        self.revision = 0

    def apply(self, record: Record) -> Outcome:
        """Take in a record. A ByHand for an incident that is not open changes nothing and raises as find_open does."""
        if isinstance(record, Refused):
            self._refused.appendleft(record)
            outcome: Outcome = "refused"
        elif isinstance(record, ByHand):
            incident = self.find_open(record.incident)
            outcome = self._close_in(incident, Entry(record.at, record.action, _outcome(record.action), BY_HAND), None)
        elif record.action == "trigger":
            outcome = self._trigger(record)
        elif record.identity in self._open:
            entry = Entry(record.at, record.action, _outcome(record.action), record.sender, record.content.summary)
            outcome = self._close_in(self._open[record.identity], entry, record.content)
        else:
            self._orphans.appendleft(self._orphan(record))
            outcome = "orphan"
        self.revision += 1
        return outcome

    def incidents(self) -> tuple[Incident, ...]:
        """Open ones first, then the resolved, the newest of each first."""
        newest = sorted(self._open.values(), key=lambda i: (i.status == "acknowledged", -i.number))
        return (*newest, *sorted(self._resolved.values(), key=_resolved_order, reverse=True))

    def orphans(self) -> tuple[Orphan, ...]:
        return tuple(self._orphans)

    def refused(self) -> tuple[Refused, ...]:
        return tuple(self._refused)

    def counts(self) -> dict[Status, int]:
        acknowledged = sum(incident.status == "acknowledged" for incident in self._open.values())
        return {
            "triggered": len(self._open) - acknowledged,
            "acknowledged": acknowledged,
            "resolved": len(self._resolved),
        }

    def find(self, number: int) -> Incident:
        """Raises NoSuchIncidentError."""
        for incident in self._all():
            if incident.number == number:
                return incident
        raise NoSuchIncidentError(number)

    def find_open(self, number: int) -> Incident:
        """Raises NoSuchIncidentError or NotOpenError."""
        incident = self.find(number)
        if not incident.is_open:
            raise NotOpenError(number)
        return incident

    def _all(self) -> Iterator[Incident]:
        yield from self._open.values()
        yield from self._resolved.values()

    def _trigger(self, event: Received) -> Outcome:
        known = self._open.get(event.identity)
        content = event.content
        entry = Entry(event.at, "trigger", "appended", event.sender, content.summary, content.severity)
        if known is None:
            self._last_number += 1
            self._open[event.identity] = Incident(
                number=self._last_number,
                status="triggered",
                identity=event.identity,
                key=event.key,
                dedup_key=event.dedup_key,
                summary=content.summary,
                content=content,
                opened_at=event.at,
                updated_at=event.at,
                timeline=(replace(entry, outcome="opened"),),
                alerts=details.alert_names(content),
                models=details.models(content),
            )
            return "opened"
        appended = _with_entry(known, entry)
        self._open[event.identity] = replace(
            appended,
            content=content,
            triggers=known.triggers + 1,
            alerts=known.alerts | details.alert_names(content),
            models=known.models | details.models(content),
        )
        return "appended"

    def _close_in(self, incident: Incident, entry: Entry, content: Content | None) -> Outcome:
        """Apply an acknowledge or a resolve to an open incident."""
        changed = _with_entry(incident, entry)
        if entry.action == "acknowledge":
            since = incident.acknowledged_at or entry.at
            self._open[incident.identity] = replace(changed, status="acknowledged", acknowledged_at=since)
            return "acknowledged"
        del self._open[incident.identity]
        resolved = replace(changed, status="resolved", resolved_at=entry.at, resolution=content)
        self._resolved[incident.number] = resolved
        while len(self._resolved) > self._resolved_kept:
            del self._resolved[next(iter(self._resolved))]
        return "resolved"

    def _orphan(self, event: Received) -> Orphan:
        same = [incident for incident in self._all() if incident.dedup_key == event.dedup_key]
        ours = [incident for incident in same if incident.identity == event.identity]
        reason: OrphanReason = "other_routing_key" if same else "unknown_dedup_key"
        if ours:
            reason = "already_resolved"
        number = max((incident.number for incident in ours or same), default=None)
        summary = event.content.summary
        return Orphan(event.at, event.action, reason, event.key, event.dedup_key, event.sender, summary, number)


def _outcome(action: Action) -> Outcome:
    return "resolved" if action == "resolve" else "acknowledged"


def _with_entry(incident: Incident, entry: Entry) -> Incident:
    # The first entry stays: it says how the page began.
    first, *rest = (*incident.timeline, entry)
    timeline = (first, *rest[-(ENTRIES_KEPT - 1) :])
    return replace(incident, timeline=timeline, entries=incident.entries + 1, updated_at=entry.at)


def _resolved_order(incident: Incident) -> tuple[datetime, int]:
    return (incident.resolved_at or incident.updated_at, incident.number)
