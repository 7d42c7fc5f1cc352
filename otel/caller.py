"""Who calls, as a request's headers tell it.

The propagators take longer than all else that begins a trace, so they are asked only for what is more than a plain
traceparent. Of that the form is checked at once and the rest is read when someone asks for it.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping

from opentelemetry import propagate
from opentelemetry.context.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import SpanContext, TraceFlags, TraceState

NO_STATE = TraceState.get_default()
SAMPLED, RANDOM = 1, 2
"""Bits of W3C trace flags."""

_W3C = {"traceparent", "tracestate", "baggage"}
# An id of zeros is none, and version 00 has nothing behind the flags.
_PLAIN = re.compile("00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
UNSAMPLED = frozenset("02468ace")
"""Last digits of a traceparent whose trace is not sampled."""


_reading = threading.local()
for _quoting in ("opentelemetry.baggage.propagation", "opentelemetry.trace.span"):
    # What they complain of they quote: headers, that is what a caller wrote.
    logging.getLogger(_quoting).addFilter(lambda _: not getattr(_reading, "headers", False))


def extracted(headers: Mapping[str, str], context: Context) -> Context:
    """What the propagators make of a caller's headers, with nothing said of those that are wrong."""
    _reading.headers = True
    try:
        return propagate.extract(headers, context=context)
    finally:
        _reading.headers = False


class RemoteParent:
    """The caller's span as a plain traceparent tells it."""

    __slots__ = ("_header",)
    is_remote = is_valid = True
    trace_state = NO_STATE

    def __init__(self, header: str) -> None:
        self._header = header

    @property
    def trace_id(self) -> int:
        return int(self._header[3:35], 16)

    @property
    def span_id(self) -> int:
        return int(self._header[36:52], 16)

    @property
    def trace_flags(self) -> int:
        return int(self._header[53:], 16)

    @property
    def context(self) -> SpanContext:
        return SpanContext(self.trace_id, self.span_id, True, TraceFlags(self.trace_flags), NO_STATE)


Parent = SpanContext | RemoteParent


class Callers:
    """Reads headers by the propagators that are set."""

    __slots__ = ("_plain", "_propagator")

    def __init__(self) -> None:
        self._propagator: TextMapPropagator | None = None
        self._plain = False

    def plain(self, headers: Mapping[str, str]) -> str | None:
        """The traceparent, where it is all that the headers tell and has the form and ids of a valid one.

        Empty where they tell nothing, None where the propagators have to be asked.
        """
        propagator = propagate.get_global_textmap()
        if propagator is not self._propagator:
            self._propagator = propagator
            self._plain = "traceparent" in propagator.fields and propagator.fields <= _W3C
        get = headers.get
        if self._plain and get("tracestate") is None and get("baggage") is None:
            header = get("traceparent")
            if header is None:
                return ""
            if _PLAIN(header) is not None:
                return header
        return None
