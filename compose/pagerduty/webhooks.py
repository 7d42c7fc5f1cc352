"""An inbox for what does not page: Alertmanager's webhooks, and chat messages sent to a URL of this double.

A ticket queue or a chat room would show these. They are kept in memory only: Alertmanager sends an open group again,
and a watchdog's beat must not grow a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import orjson

from modelwatch.compose.pagerduty import details, limits

if TYPE_CHECKING:
    from datetime import datetime

    from modelwatch.compose.pagerduty.records import JSON

NOTICES_KEPT = 200
# The title that our Slack messages have, which is also that of Alertmanager's own template.
_STATE = re.compile(r"\[(FIRING|RESOLVED)(?::\d+)?\] *(.+)")


@dataclass(frozen=True)
class Notice:
    """One group of alerts, or one chat message. ``at`` is the first request about it, ``count`` how many there were.

    A chat message of Alertmanager's is about a group too, which its title names: the one that tells of the resolve
    goes on with the one that told of the fire.
    """

    webhook: str
    key: str
    status: Literal["firing", "resolved", "message"]
    title: str
    at: datetime
    updated_at: datetime
    sender: str
    text: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    alerts: tuple[details.Alert, ...] = ()
    url: str = ""
    count: int = 1
    resolved_at: datetime | None = None

    @property
    def alert_names(self) -> frozenset[str]:
        return frozenset(alert.name for alert in self.alerts)

    @property
    def models(self) -> frozenset[str]:
        return frozenset(alert.labels.get("model", "") for alert in self.alerts)


class Inbox:
    """The newest notices. A group that fires again after its resolve is a new notice."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []
        self.revision = 0

    def take(self, webhook: str, body: bytes, sender: str, at: datetime) -> Notice:
        """Raises limits.RefusedError for a body that is no JSON object or too large."""
        notice = _read(webhook, body, sender, at)
        known = next((n for n in self._notices if _continues(notice, n)), None)
        if known is not None:
            self._notices.remove(known)
            notice = replace(notice, at=known.at, count=known.count + 1)
        self._notices.insert(0, notice)
        del self._notices[NOTICES_KEPT:]
        self.revision += 1
        return notice

    def notices(self) -> tuple[Notice, ...]:
        """Firing ones first, then by the time of the newest request."""
        return tuple(sorted(self._notices, key=lambda n: n.status != "firing"))


def _continues(notice: Notice, known: Notice) -> bool:
    same = (notice.webhook, notice.key) == (known.webhook, known.key)
    return same and bool(notice.key) and known.status == "firing"


def _read(webhook: str, body: bytes, sender: str, at: datetime) -> Notice:
    document = limits.load(body)
    alerts = details.from_list(document.get("alerts"))
    if alerts is None or document.get("status") not in ("firing", "resolved"):
        return _chat(webhook, document, sender, at)
    resolved = document["status"] == "resolved"
    return Notice(
        webhook=webhook,
        key=_text(document.get("groupKey")),
        status=document["status"],
        title=_title(document, alerts),
        at=at,
        updated_at=at,
        sender=sender,
        labels=tuple(_pairs(document.get("groupLabels"))),
        alerts=alerts,
        url=_text(document.get("externalURL")),
        resolved_at=at if resolved else None,
    )


def _chat(webhook: str, document: JSON, sender: str, at: datetime) -> Notice:
    title, _, text = _message(document).partition("\n")
    channel = _text(document.get("channel"))
    labels = (("channel", channel),) if channel else ()
    told = _STATE.fullmatch(title)
    if told is None:
        return Notice(webhook, "", "message", title, at, at, sender, text=text, labels=labels)
    resolved = told[1] == "RESOLVED"
    return Notice(
        webhook=webhook,
        key=f"{channel} {told[2]}",
        status="resolved" if resolved else "firing",
        title=told[2],
        at=at,
        updated_at=at,
        sender=sender,
        text=text,
        labels=labels,
        resolved_at=at if resolved else None,
    )


def _title(document: JSON, alerts: tuple[details.Alert, ...]) -> str:
    common = dict(_pairs(document.get("commonAnnotations"))).get("summary", "")
    return common or ", ".join(sorted({alert.name for alert in alerts} - {""})) or "no alert name"


def _message(document: JSON) -> str:
    """Slack's form: ``text``, and title, text and fallback of each attachment. Anything else is shown as it came."""
    attachments = document.get("attachments")
    parts = [_text(document.get("text"))]
    for attachment in attachments if isinstance(attachments, list) else ():
        if isinstance(attachment, dict):
            title, text = _text(attachment.get("title")), _text(attachment.get("text"))
            parts += [title, text] if title or text else [_text(attachment.get("fallback"))]
    known = "\n".join(part for part in parts if part)
    return known or orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _pairs(value: object) -> list[tuple[str, str]]:
    return [(name, _text(text)) for name, text in value.items()] if isinstance(value, dict) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
