"""Where a trace's links lead: from a request to the batches that answered it, from a batch to its requests."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwatch.compose.preview.upstream import UpstreamError
from modelwatch.compose.preview.waterfall import Waterfall, waterfall
from modelwatch.telemetry import spans as S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modelwatch.compose.preview.jaeger import Jaeger
    from modelwatch.compose.preview.spans import Span

# A request that is answered piece by piece is in many batches, and a batch may have thousands of requests.
BATCHES_SHOWN = 5
REQUESTS_ASKED = 60
_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Followed:
    """One link: the span that it leads to, and what is below that; neither where its trace is not in Jaeger.

    ``problem`` is why Jaeger could not be asked.
    """

    trace: str
    spans: tuple[Span, ...] = ()
    problem: str = ""

    @property
    def span(self) -> Span | None:
        return self.spans[0] if self.spans else None


@dataclass(frozen=True, slots=True)
class Part:
    """A batch that answered a request: ``drawn`` on the time of both."""

    link: Followed
    drawn: Waterfall | None


@dataclass(frozen=True, slots=True)
class Linked:
    """``batches`` of a request and ``requests`` of a batch, and how many more of them were not asked for."""

    batches: tuple[Part, ...] = ()
    more_batches: int = 0
    requests: tuple[Followed, ...] = ()
    more_requests: int = 0

    @property
    def kept(self) -> tuple[Followed, ...]:
        """The requests whose traces are there."""
        return tuple(each for each in self.requests if each.span)

    @property
    def problem(self) -> str:
        return next((each.problem for each in self.requests if each.problem), "")


async def follow(jaeger: Jaeger, spans: Sequence[Span], drawn: Waterfall) -> Linked:
    """Asks for what the links of ``spans`` lead to. A Jaeger that fails meanwhile fails none of the page."""
    batches, requests = _links(spans, S.INFERENCE_SPAN), _links(spans, S.BATCH_SPAN, S.KEPT_SPAN)
    asked = [*batches[:BATCHES_SHOWN], *requests[:REQUESTS_ASKED]]
    found = await asyncio.gather(*(_fetch(jaeger, *link) for link in asked))
    shown = min(len(batches), BATCHES_SHOWN)
    parts = await asyncio.to_thread(lambda: tuple(Part(each, _drawn(each, drawn)) for each in found[:shown]))
    return Linked(parts, len(batches) - shown, tuple(found[shown:]), max(len(requests) - REQUESTS_ASKED, 0))


def _links(spans: Iterable[Span], *kinds: str) -> list[tuple[str, str]]:
    """Links to other traces of the helpers' spans of these kinds, each trace once."""
    found: dict[str, str] = {}
    for span in spans:
        if span.name in kinds or span.name.partition(" ")[0] in kinds:
            for trace, own in span.links:
                if trace != span.trace:
                    found.setdefault(trace, own)
    return list(found.items())


async def _fetch(jaeger: Jaeger, trace: str, own: str) -> Followed:
    try:
        async with asyncio.timeout(_SECONDS):
            spans = await jaeger.trace(trace)
    except UpstreamError as error:
        return Followed(trace, problem=str(error))
    except TimeoutError:
        return Followed(trace, problem=f"Jaeger at {jaeger.url} took longer than {_SECONDS} s to answer")
    return Followed(trace, below(spans, own))


def below(spans: Sequence[Span], own: str) -> tuple[Span, ...]:
    """A span and all below it; none where it is not there."""
    children: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        children[span.parent].append(span)
    found = {span.id: span for span in spans if span.id == own}
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child.id not in found:
                found[child.id] = child
                waiting.append(child.id)
    return tuple(found.values())


def _drawn(link: Followed, request: Waterfall) -> Waterfall | None:
    if link.span is None:
        return None
    start = min(request.start, *(span.start for span in link.spans))
    end = max(request.end, *(span.end for span in link.spans))
    return waterfall(link.spans, window=(start, end))
