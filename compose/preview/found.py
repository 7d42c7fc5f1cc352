"""Traces in a list: read from the answer of Jaeger's search, one row a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelwatch.compose.preview.spans import dicts
from modelwatch.telemetry import spans as S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Found:
    """One trace by the span that was looked for. Times are nanoseconds, of which Jaeger's search tells microseconds."""

    trace: str
    name: str
    start: int
    duration: int
    spans: int
    version: str = ""
    error: str = ""
    confidence: float | None = None
    unsure: bool = False
    drifted: bool = False
    rows: int = 1

    @property
    def batch(self) -> bool:
        """Whether it is of requests that were answered together, also where that was one."""
        return self.name.partition(" ")[0] == S.BATCH_SPAN


def read(document: Any, operation: str, wanted: Mapping[str, str]) -> tuple[Found, ...]:
    """Of each trace the longest span ``operation`` that has all tags ``wanted``; what has none is left out."""
    rows = []
    for trace in dicts(document.get("data") if isinstance(document, dict) else None):
        spans = dicts(trace.get("spans"))
        named = [(span, _tags(span)) for span in spans if span.get("operationName") == operation]
        matching = [
            (span, tags) for span, tags in named if all(_text(tags.get(key)) == value for key, value in wanted.items())
        ]
        if matching:
            span, tags = max(matching, key=lambda pair: _number(pair[0].get("duration")))
            rows.append(_found(str(trace.get("traceID", "")), span, tags, len(spans)))
    return tuple(rows)


def merged(lists: Iterable[tuple[Found, ...]]) -> list[Found]:
    """One row a trace, that of its longest span."""
    best: dict[str, Found] = {}
    for found in lists:
        for row in found:
            if row.trace not in best or best[row.trace].duration < row.duration:
                best[row.trace] = row
    return list(best.values())


def _found(trace: str, span: Mapping[str, Any], tags: Mapping[str, Any], spans: int) -> Found:
    failed = tags.get(S.OUTCOME.key) == "error" or tags.get("error") is True
    confidence = tags.get(S.CONFIDENCE.key)
    return Found(
        trace.zfill(32),
        str(span.get("operationName")),
        _number(span.get("startTime")) * 1000,
        _number(span.get("duration")) * 1000,
        spans,
        str(tags.get(S.MODEL_VERSION.key, "")),
        str(tags.get(S.ERROR_TYPE.key) or "error") if failed else "",
        float(confidence) if isinstance(confidence, int | float) else None,
        tags.get(S.LOW_CONFIDENCE.key) is True,
        tags.get(S.DRIFTED.key) is True,
        _number(tags.get(S.BATCH_SIZE.key, 1)),
    )


def _tags(span: Mapping[str, Any]) -> dict[str, Any]:
    return {str(tag.get("key")): tag.get("value") for tag in dicts(span.get("tags"))}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0
