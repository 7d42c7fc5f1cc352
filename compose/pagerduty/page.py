"""The page for people: a snapshot to HTML. Jinja escapes every text, and only an http(s) URL becomes a link."""

from __future__ import annotations

from functools import cache, partial
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from modelwatch.compose.pagerduty import details
from modelwatch.compose.pagerduty.limits import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from jinja2 import Template

    from modelwatch.compose.pagerduty.desk import Snapshot
    from modelwatch.compose.pagerduty.incidents import Incident
    from modelwatch.compose.pagerduty.records import Content

ORPHAN_REASONS = {
    "unknown_dedup_key": (
        "No incident has this dedup key. The trigger went elsewhere, was refused, or the route that made the key has "
        "changed since."
    ),
    "other_routing_key": (
        "An incident with this dedup key came with another routing key. PagerDuty would leave that incident open."
    ),
    "already_resolved": "The incident was resolved before. PagerDuty drops this, and no harm is done.",
}
# Of each list below the open incidents; the JSON lists hold more.
ROWS_SHOWN = 20


def render(snapshot: Snapshot, base_url: str, moved: Mapping[str, str] = MappingProxyType({})) -> str:
    """``base_url`` is where the reader reached this page: the address to put into Alertmanager's pagerduty_url.

    ``moved`` is old place -> new one, each HOST:PORT: an event keeps the links that it came with, and a link to a part
    of the stack is to lead where that part is now.
    """
    opened = [incident for incident in snapshot.incidents if incident.is_open]
    resolved = [incident for incident in snapshot.incidents if not incident.is_open]
    return _template().render(
        snapshot=snapshot,
        opened=opened,
        resolved=resolved[:ROWS_SHOWN],
        resolved_total=len(resolved),
        orphan_reasons=ORPHAN_REASONS,
        rows_shown=ROWS_SHOWN,
        base_url=base_url,
        follow=partial(follow, moved),
    )


def follow(moved: Mapping[str, str], url: str) -> str:
    """A link, led to where the part that it means is now."""
    scheme, mark, rest = url.partition("://")
    end = next((at for at, sign in enumerate(rest) if sign in "/?#"), len(rest))
    return f"{scheme}{mark}{moved.get(rest[:end], rest[:end])}{rest[end:]}"


def duration(start: datetime, end: datetime) -> str:
    """The two largest units: ``1d 4h``, ``12m 5s``."""
    seconds = max(0, int((end - start).total_seconds()))
    parts: list[str] = []
    for name, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or parts or name == "s":
            parts.append(f"{count}{name}")
    return " ".join(parts[:2])


def clock(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def links(incident: Incident) -> list[tuple[str, str]]:
    """Text and URL of every link, each URL once: the event's own first, then those in annotations, then the client."""
    return list({url: (text, url) for text, url in reversed(list(_links(incident.content)))}.values())[::-1]


def _links(content: Content) -> Iterator[tuple[str, str]]:
    for link in content.links:
        if is_url(link["href"]):
            yield (link.get("text") or link["href"]), link["href"]
    for image in content.images:
        if is_url(image["src"]):
            yield f"Image: {image.get('alt') or image['src']}", image["src"]
    read = details.read(content.custom_details)
    for alert in (*read.firing, *read.resolved):
        for name, value in alert.annotations.items():
            if is_url(value):
                yield annotation_title(name), value
    if is_url(content.client_url):
        yield f"Open in {content.client or 'the client'}", content.client_url


def annotation_title(name: str) -> str:
    """``runbook_url`` reads better as ``Runbook``."""
    return name.removesuffix("_url").replace("_", " ").strip().capitalize() or name


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["clock"] = clock
    environment.globals.update(
        read=details.read, duration=duration, is_url=is_url, links=links, annotation_title=annotation_title
    )
    return environment.from_string(resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
