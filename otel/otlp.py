"""OTLP over HTTP to the Collector, which tells spans that are refused from those that nobody took."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from modelwatch.model.addresses import Addresses
from modelwatch.otel.outage import AwayError

log = logging.getLogger("modelwatch.otel")

_SEND_SECONDS = 2.0
# By the protocol these may be sent again, and no others.
_RETRIABLE = frozenset({429, 502, 503, 504})
_NOBODY = (requests.exceptions.ConnectionError, requests.exceptions.Timeout, requests.exceptions.ChunkedEncodingError)
# OpenTelemetry's variables by which a service brings a session of its own, with credentials.
_OWN_SESSION = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)


class Noting(requests.Session):
    """Keeps how its last request ended: the exporter itself says no more than that it failed."""

    def __init__(self) -> None:
        super().__init__()
        self.forget()

    def forget(self) -> None:
        self.status: int | None = None
        self.error: Exception | None = None
        self.after = 0.0

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.forget()
        try:
            answer = super().request(*args, **kwargs)
        except Exception as error:  # kept for what judges it, and raised again
            self.error = error
            raise
        self.status, self.after = answer.status_code, retry_after(answer.headers, time.time())
        return answer

    @property
    def away(self) -> bool:
        """Whether the same request may find somebody later."""
        return self.status in _RETRIABLE or isinstance(self.error, _NOBODY)

    @property
    def told(self) -> str:
        """How it ended, for people."""
        if self.status is not None:
            return f"HTTP {self.status}"
        return "it took too long" if isinstance(self.error, requests.exceptions.Timeout) else "nobody answers"


def _address(endpoint: str) -> str:
    """Without name and password."""
    found = urlsplit(endpoint)
    return f"{found.scheme}://{found.netloc.rpartition('@')[2]}{found.path}" if found.netloc else "the Collector"


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds that an answer asks for, in either of the header's forms; 0 if it does not."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now, 0.0)


class PatientExporter(SpanExporter):
    """Raises ``AwayError`` for spans that may be sent again, and says once in a row that the Collector refuses some.

    ``session`` is the inner exporter's; without it every failure may pass.
    """

    def __init__(self, inner: SpanExporter, session: Noting | None) -> None:
        self._inner, self._session = inner, session
        self._where = _address(getattr(inner, "_endpoint", ""))
        self._told = False
        self._sending = threading.local()
        # The exporter logs for every batch; its lines are dropped for what is sent from here, and kept for others.
        logging.getLogger(type(inner).__module__).addFilter(lambda _: not getattr(self._sending, "now", False))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        session = self._session
        if session is not None:
            session.forget()
        self._sending.now = True
        try:
            result = self._inner.export(spans)
        finally:
            self._sending.now = False
        if result is SpanExportResult.SUCCESS:
            self._told = False
            return result
        if session is None or session.away:
            raise AwayError() if session is None else AwayError(session.after, f"{self._where}: {session.told}")
        if not self._told:
            why = session.error or (f"HTTP {session.status}" if session.status else "they could not be encoded")
            log.warning("spans are lost, since %s refuses them (%s); predictions go on", self._where, why)
        self._told = True
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def exporter(environ: os._Environ[str] | dict[str, str]) -> SpanExporter:
    """OTLP over HTTP to where OTEL_EXPORTER_OTLP_ENDPOINT says, else to the stack's Collector."""
    named = "OTEL_EXPORTER_OTLP_ENDPOINT" in environ or "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" in environ
    timed = "OTEL_EXPORTER_OTLP_TIMEOUT" in environ or "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" in environ
    session = None if any(environ.get(name) for name in _OWN_SESSION) else Noting()
    inner = OTLPSpanExporter(
        endpoint=None if named else f"http://{Addresses.native(environ).internal['otlp_http']}/v1/traces",
        timeout=None if timed else _SEND_SECONDS,
        session=session,
    )
    return PatientExporter(inner, session)
