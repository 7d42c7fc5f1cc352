"""What the journal holds, one frozen type per kind of line, and its JSON form."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

JSON: TypeAlias = dict[str, Any]
Action = Literal["trigger", "acknowledge", "resolve"]
ACTIONS: tuple[str, ...] = get_args(Action)


@dataclass(frozen=True)
class Content:
    """What an event says, in PagerDuty's common event format, with the routing key masked wherever it occurred."""

    summary: str = ""
    source: str = ""
    severity: str = ""
    timestamp: str = ""
    component: str = ""
    group: str = ""
    event_class: str = ""
    custom_details: JSON = field(default_factory=dict)
    client: str = ""
    client_url: str = ""
    links: tuple[JSON, ...] = ()
    images: tuple[JSON, ...] = ()


@dataclass(frozen=True)
class Received:
    """An accepted event. ``identity`` is a keyed hash of routing key and dedup key, ``key`` the masked routing key."""

    at: datetime
    action: Action
    identity: str
    key: str
    dedup_key: str
    sender: str
    content: Content


@dataclass(frozen=True)
class ByHand:
    """A button pressed on the page, or its HTTP call."""

    at: datetime
    action: Action
    incident: int


@dataclass(frozen=True)
class Problem:
    """One reason to refuse a request, in PagerDuty's words where those are known; ``hint`` says how to mend it."""

    message: str
    hint: str = ""


@dataclass(frozen=True)
class Refused:
    """A request that was not accepted, with as much as could be read of it."""

    at: datetime
    status: int
    problems: tuple[Problem, ...]
    sender: str
    action: str = ""
    key: str = ""
    dedup_key: str = ""
    summary: str = ""


Record: TypeAlias = Received | ByHand | Refused
_KINDS: dict[str, type[Record]] = {"event": Received, "by_hand": ByHand, "refused": Refused}


def to_json(record: Record) -> JSON:
    kind = next(name for name, known in _KINDS.items() if isinstance(record, known))
    return {"kind": kind, **asdict(record), "at": record.at.isoformat()}


def from_json(line: JSON) -> Record:
    """Raises KeyError, TypeError or ValueError for a line that ``to_json`` did not make."""
    fields = dict(line)
    kind = _KINDS[fields.pop("kind")]
    fields["at"] = datetime.fromisoformat(fields["at"])
    if kind is Received:
        content = dict(fields["content"])
        for name in ("links", "images"):
            content[name] = tuple(content[name])
        fields["content"] = Content(**content)
    if kind is Refused:
        fields["problems"] = tuple(Problem(**problem) for problem in fields["problems"])
    return kind(**fields)
