"""The log lines of a trace, from the files in which the Collector keeps logs: OTLP's JSON, one batch a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelwatch.compose.preview.spans import attributes, dicts
from modelwatch.telemetry import logs as L
from modelwatch.telemetry import spans as S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modelwatch.compose.preview.spans import Value

MOST_LINES = 200
_LOOK_BYTES = 64 << 20
"""So much of the newest is looked through."""
_TOLD = frozenset({L.EVENT_NAME.key, S.MODEL_NAME.key, S.MODEL_VERSION.key, "event.name"})
"""Attributes that the line or the page around it tells anyway."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """``time`` is in nanoseconds since the epoch; ``facts`` are its attributes, named as the service named them."""

    time: int
    severity: str
    body: str
    span: str
    facts: Mapping[str, Value]

    @property
    def mark(self) -> str:
        """The style sheet's class of the severity."""
        return {"WARN": "warn", "ERROR": "bad", "FATAL": "bad"}.get(self.severity, "")


@dataclass(frozen=True, slots=True)
class Lines:
    """In order of time; ``more`` where there are others that are not shown."""

    rows: tuple[LogLine, ...]
    more: bool
    source: str = ""


@dataclass(frozen=True)
class Archive:
    """``path`` is the file that the Collector writes; those that were rotated stand beside it."""

    path: Path

    def of(self, trace: str, most: int = MOST_LINES) -> Lines:
        """What carries this trace's id, of what is kept. A file that cannot be read has none."""
        found: list[LogLine] = []
        for batch in self._batches(trace):
            found += _records(batch, trace)
            if len(found) > most:
                break
        return Lines(tuple(sorted(found[:most], key=lambda line: line.time)), len(found) > most, str(self.path))

    def _batches(self, trace: str) -> Iterator[Any]:
        """Newest file first. Lines are searched as bytes: to read each as JSON would take seconds."""
        needle, left = trace.encode(), _LOOK_BYTES
        for path in self._files():
            try:
                with path.open("rb") as file:
                    size = file.seek(0, 2)
                    file.seek(max(0, size - left))
                    left -= size
                    yield from (parsed for line in file if needle in line and (parsed := _parsed(line)) is not None)
            except OSError:
                continue
            if left <= 0:
                return

    def _files(self) -> list[Path]:
        """A rotated file has the time in its name."""
        rotated = self.path.parent.glob(f"{self.path.stem}-*{self.path.suffix}")
        return [self.path, *sorted(rotated, key=lambda path: path.name, reverse=True)]


def _parsed(line: bytes) -> Any:
    """None for the half line at which reading began, or which is being written."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _records(batch: Any, trace: str) -> Iterator[LogLine]:
    for resource in dicts(batch.get("resourceLogs") if isinstance(batch, dict) else None):
        for scope in dicts(resource.get("scopeLogs")):
            for record in dicts(scope.get("logRecords")):
                if record.get("traceId") == trace:
                    yield _line(record)


def _line(record: Mapping[str, Any]) -> LogLine:
    own = attributes([pair for pair in dicts(record.get("attributes")) if not _is_list(pair)])
    own |= {str(pair.get("key")): _listed(pair) for pair in dicts(record.get("attributes")) if _is_list(pair)}
    facts = {_name(key): value for key, value in own.items() if key not in _TOLD}
    body = attributes([{"key": "body", "value": record.get("body")}])["body"]
    return LogLine(
        _time(record), str(record.get("severityText") or ""), str(body), str(record.get("spanId") or ""), facts
    )


def _time(record: Mapping[str, Any]) -> int:
    try:
        return int(record.get("timeUnixNano") or record.get("observedTimeUnixNano") or 0)
    except (OverflowError, TypeError, ValueError):
        return 0


def _name(key: str) -> str:
    return key.removeprefix(L.FIELD_PREFIX).removeprefix("modelwatch.")


def _is_list(pair: Mapping[str, Any]) -> bool:
    return isinstance(pair.get("value"), dict) and "arrayValue" in pair["value"]


def _listed(pair: Mapping[str, Any]) -> str:
    values = dicts(dict(pair["value"]["arrayValue"] or {}).get("values"))
    return ", ".join(str(attributes([{"key": "one", "value": value}])["one"]) for value in values)
