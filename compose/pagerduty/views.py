"""The JSON that scripts read: incidents and what stands beside them, and the filters of the lists."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelwatch.compose.pagerduty import details

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwatch.compose.pagerduty.desk import Snapshot
    from modelwatch.compose.pagerduty.incidents import Entry, Incident, Orphan
    from modelwatch.compose.pagerduty.records import JSON, Content, Refused
    from modelwatch.compose.pagerduty.webhooks import Notice

STATUSES = ("open", "triggered", "acknowledged", "resolved")
PARAMETERS = ("status", "model", "alert", "since")


class QueryError(ValueError):
    """A query that cannot be answered, worded for the person who wrote it."""


@dataclass(frozen=True)
class Query:
    """``since`` is compared with the last event of an incident, so it finds what opened and what resolved after it."""

    status: str = ""
    model: str = ""
    alert: str = ""
    since: datetime | None = None

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Query:
        """Raises QueryError."""
        for name in parameters:
            if name not in PARAMETERS:
                raise QueryError(f"unknown parameter {name!r}: use {', '.join(PARAMETERS)}")
        status = parameters.get("status", "")
        if status and status not in STATUSES:
            raise QueryError(f"status={status!r} is not one of {', '.join(STATUSES)}")
        since = _moment(parameters["since"]) if parameters.get("since") else None
        return cls(status, parameters.get("model", ""), parameters.get("alert", ""), since)

    def admits(self, incident: Incident) -> bool:
        return (
            (not self.status or incident.status == self.status or (self.status == "open" and incident.is_open))
            and (not self.model or self.model in incident.models)
            and (not self.alert or self.alert in incident.alerts)
            and (self.since is None or incident.updated_at >= self.since)
        )

    def admits_notice(self, notice: Notice) -> bool:
        status = {"firing": ("open", "triggered"), "resolved": ("resolved",), "message": ()}[notice.status]
        return (
            (not self.status or self.status in status)
            and (not self.model or self.model in notice.models)
            and (not self.alert or self.alert in notice.alert_names)
            and (self.since is None or notice.updated_at >= self.since)
        )


def incident(found: Incident, now: datetime) -> JSON:
    content = found.content
    return {
        "number": found.number,
        "status": found.status,
        "severity": content.severity,
        "summary": found.summary,
        "source": content.source,
        "component": content.component,
        "group": content.group,
        "class": content.event_class,
        "alerts": sorted(found.alerts),
        "models": sorted(found.models),
        "routing_key": found.key,
        "dedup_key": found.dedup_key,
        "opened_at": _when(found.opened_at),
        "acknowledged_at": _when(found.acknowledged_at),
        "resolved_at": _when(found.resolved_at),
        "updated_at": _when(found.updated_at),
        "duration_seconds": ((found.resolved_at or now) - found.opened_at).total_seconds(),
        "triggers": found.triggers,
        "events": found.entries,
        "latest_trigger": _content(content),
        "resolution": None if found.resolution is None else _content(found.resolution),
        "timeline": [_entry(entry) for entry in found.timeline],
    }


def incidents(snapshot: Snapshot, query: Query) -> JSON:
    return {
        "now": _when(snapshot.now),
        "counts": {**snapshot.counts, "orphans": len(snapshot.orphans), "refused": len(snapshot.refused)},
        "incidents": [incident(found, snapshot.now) for found in snapshot.incidents if query.admits(found)],
    }


def orphans(snapshot: Snapshot) -> JSON:
    return {"now": _when(snapshot.now), "orphans": [_orphan(orphan) for orphan in snapshot.orphans]}


def refused(snapshot: Snapshot) -> JSON:
    return {"now": _when(snapshot.now), "refused": [_refused(record) for record in snapshot.refused]}


def webhooks(snapshot: Snapshot, query: Query) -> JSON:
    notices = [_notice(notice) for notice in snapshot.notices if query.admits_notice(notice)]
    return {"now": _when(snapshot.now), "notices": notices}


def _content(content: Content) -> JSON:
    fields = asdict(content)
    fields["class"] = fields.pop("event_class")
    read = details.read(content.custom_details)
    fields["firing"] = [_alert(alert) for alert in read.firing]
    fields["resolved"] = [_alert(alert) for alert in read.resolved]
    return fields


def _alert(alert: details.Alert) -> JSON:
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "source": alert.source,
        "starts_at": alert.starts_at,
        **({"status": alert.status} if alert.status else {}),
    }


def _entry(entry: Entry) -> JSON:
    return {**asdict(entry), "at": _when(entry.at)}


def _orphan(orphan: Orphan) -> JSON:
    return {**asdict(orphan), "at": _when(orphan.at)}


def _refused(record: Refused) -> JSON:
    return {**asdict(record), "at": _when(record.at)}


def _notice(notice: Notice) -> JSON:
    return {
        "webhook": notice.webhook,
        "status": notice.status,
        "title": notice.title,
        "text": notice.text,
        "group_labels": dict(notice.labels),
        "alerts": [_alert(alert) for alert in notice.alerts],
        "url": notice.url,
        "at": _when(notice.at),
        "updated_at": _when(notice.updated_at),
        "resolved_at": _when(notice.resolved_at),
        "count": notice.count,
        "sender": notice.sender,
    }


def _when(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str) -> datetime:
    """ISO 8601, taken as UTC when it names no zone, or seconds since the epoch. Raises QueryError."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (OverflowError, ValueError, OSError):
        pass
    try:
        # A plus sign that was not percent-encoded arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        reason = f"since={text!r} is no time: give ISO 8601, as 2026-01-31T12:00:00Z, or seconds since the epoch"
        raise QueryError(reason) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
