"""The OpenTelemetry SDK of a service: resource, sampler, export to the Collector, and a flush when the process ends.

The environment's own variables win where OpenTelemetry defines them: OTEL_SDK_DISABLED, OTEL_TRACES_SAMPLER,
OTEL_TRACES_EXPORTER=none, OTEL_EXPORTER_OTLP_*, OTEL_BSP_*, OTEL_RESOURCE_ATTRIBUTES.
"""

from __future__ import annotations

import atexit
import functools
import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from multiprocessing import util as multiprocessing_util
from pathlib import Path
from types import FrameType

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from prometheus_client import REGISTRY, CollectorRegistry, Counter

from modelwatch.model.addresses import Addresses
from modelwatch.model.load import load_model
from modelwatch.model.types import Model
from modelwatch.otel.instruments import instruments
from modelwatch.otel.logs.install import install
from modelwatch.otel.logs.outbox import flush_all
from modelwatch.otel.queue import SpanQueue
from modelwatch.otel.watch import Watch
from modelwatch.telemetry import spans as S

log = logging.getLogger("modelwatch.otel")

_SEND_SECONDS = 2.0
# Four times the SDK's default: at 2,000 inferences a second that holds what one slow export leaves waiting.
_QUEUE_SPANS = 8192
_BATCH_SPANS = 512
_DELAY_MILLISECONDS = 1000
_EXIT_SECONDS = 3.0
_PAUSE_SECONDS = 10.0
_PAUSE_SECONDS_MAX = 60.0


def setup(
    model: Model | Path | str,
    *,
    version: str,
    service_version: str | None = None,
    registry: CollectorRegistry = REGISTRY,
    logs: bool = True,
) -> Watch:
    """Start tracing in this process and watch a model. Call it once for each model, from the main thread.

    ``model`` is a spec's path or a loaded one; ``version`` is the model's, ``service_version`` the service's. A
    TracerProvider that the service has set stays, and so do its handlers of logging; ``logs`` False leaves logging
    alone whatever the spec says. Raises SpecError for a spec that cannot be used.
    """
    spec = model if isinstance(model, Model) else load_model(Path(model))
    made, deferred = tracer(spec, service_version, registry)
    if spec.logging is not None:
        if logs:
            install(spec, spec.logging)
        if not deferred:  # otherwise done with the spans
            _flush_lines_on_sigterm()
    return Watch(spec, version=version, registry=registry, tracer=made, deferred=deferred)


class PatientExporter(SpanExporter):
    """Drops spans instead of waiting while the Collector is away, and says so once for each outage.

    The exporter below retries and logs for every batch; with nobody there that is a line every few seconds for ever and
    a process that takes long to end. After a failure nothing is sent for ``pause`` seconds, twice as long after each
    further one.
    """

    def __init__(
        self, inner: SpanExporter, *, pause: float = _PAUSE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner, self._clock = inner, clock
        self._first_pause = self._pause = pause
        self._resume = 0.0
        self._lost = 0
        self._sending = threading.local()
        # The exporter's own lines are dropped for what is sent from here; another exporter of the service keeps them.
        logging.getLogger(type(inner).__module__).addFilter(lambda _: not getattr(self._sending, "now", False))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._clock() < self._resume:
            self._lost += len(spans)
            return SpanExportResult.FAILURE
        self._sending.now = True
        try:
            result = self._inner.export(spans)
        except Exception:
            log.debug("the span exporter failed", exc_info=True)
            result = SpanExportResult.FAILURE
        finally:
            self._sending.now = False
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                log.warning("spans reach the Collector again; %d were lost meanwhile", self._lost)
            self._lost, self._pause = 0, self._first_pause
            return result
        if not self._lost:
            log.warning("spans do not reach the Collector and are dropped until they do; predictions go on")
        self._lost += len(spans)
        self._resume = self._clock() + self._pause
        self._pause = min(2 * self._pause, _PAUSE_SECONDS_MAX)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._inner.shutdown()


def resource(model: Model, service_version: str | None = None) -> Resource:
    """Who sends the spans: the spec's job and environment, and one id for each process."""
    attributes = {
        S.SERVICE_NAME.key: model.serving.job,
        S.SERVICE_INSTANCE.key: str(uuid.uuid4()),
        S.ENVIRONMENT.key: model.serving.environment,
    }
    if service_version is not None:
        attributes[S.SERVICE_VERSION.key] = service_version
    return Resource.create(attributes)


def exporter(environ: os._Environ[str] | dict[str, str]) -> SpanExporter:
    """OTLP over HTTP to where OTEL_EXPORTER_OTLP_ENDPOINT says, else to the stack's Collector."""
    named = "OTEL_EXPORTER_OTLP_ENDPOINT" in environ or "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" in environ
    timed = "OTEL_EXPORTER_OTLP_TIMEOUT" in environ or "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" in environ
    return PatientExporter(
        OTLPSpanExporter(
            endpoint=None if named else f"http://{Addresses.native(environ).internal['otlp_http']}/v1/traces",
            timeout=None if timed else _SEND_SECONDS,
        )
    )


class _Provider(TracerProvider):
    """The one that is made here: its processors take spans from any thread, soon after they have ended."""

    record = Decimal(1)


def sampler(model: Model, environ: Mapping[str, str]) -> Sampler | None:
    """By ``tracing.record``, a caller's decision first. None leaves it to the SDK, which reads OTEL_TRACES_SAMPLER."""
    if environ.get("OTEL_TRACES_SAMPLER", "").strip() or model.tracing.record >= 1:
        return None
    return ParentBased(TraceIdRatioBased(float(model.tracing.record)))


def tracer(
    model: Model, service_version: str | None = None, registry: CollectorRegistry = REGISTRY
) -> tuple[Tracer | None, bool]:
    """A tracer of the process's provider, and whether its spans may come later than the end of their request.

    The provider is made here unless the service has set one. None when disabled.
    """
    current = trace.get_tracer_provider()
    if not isinstance(current, TracerProvider):
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return None, False
        current = _Provider(
            sampler=sampler(model, os.environ), resource=resource(model, service_version), shutdown_on_exit=False
        )
        current.record = model.tracing.record
        if os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() != "none":
            current.add_span_processor(queue(os.environ, instruments(registry).spans))
        trace.set_tracer_provider(current)
        atexit.register(current.shutdown)
        # A child of multiprocessing skips exit handlers and runs these; it forgets those of its parent.
        multiprocessing_util.register_after_fork(current, _flush_at_exit_of_child)
        flush_on_sigterm(_after_lines(current.shutdown), _after_lines(current.force_flush))
    elif isinstance(current, _Provider) and current.record != model.tracing.record:
        told = "%s: tracing.record is %s, but this process has one sampler, and %s is the first model's"
        log.warning(told, model.name, model.tracing.record, current.record)
    found = current.get_tracer("modelwatch")
    return (found, isinstance(current, _Provider)) if isinstance(found, Tracer) else (None, False)


@functools.cache
def _flush_lines_on_sigterm() -> None:
    flush_on_sigterm(flush_all, flush_all)


def _after_lines(end: Callable[[], object]) -> Callable[[], None]:
    def ending() -> None:
        flush_all()
        end()

    return ending


def _flush_at_exit_of_child(provider: TracerProvider) -> None:
    multiprocessing_util.Finalize(None, provider.shutdown, exitpriority=0)


def queue(environ: os._Environ[str] | dict[str, str], spans: Counter) -> SpanQueue:
    """Spans to the Collector, counted in ``spans``; OTEL_BSP_* says how many wait, for how long and go at once."""

    def number(name: str, default: int) -> int:
        text = environ.get(name, "").strip()
        if text.isdecimal() and int(text) > 0:
            return int(text)
        if text:
            log.warning("%s is %r, which is no whole number above 0: %d is used", name, text, default)
        return default

    return SpanQueue(
        lambda: exporter(environ),
        spans,
        limit=number("OTEL_BSP_MAX_QUEUE_SIZE", _QUEUE_SPANS),
        batch=number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _BATCH_SPANS),
        delay=number("OTEL_BSP_SCHEDULE_DELAY", _DELAY_MILLISECONDS) / 1000,
    )


def flush_on_sigterm(shutdown: Callable[[], object], flush: Callable[[], object]) -> None:
    """Send what is queued when SIGTERM ends the process, which by itself skips every exit handler.

    A service with a handler of its own keeps it: it is called as before, and the queue is sent beside it. Does nothing
    outside the main thread, where handlers cannot be set, and where SIGTERM is ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    own = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        # In a thread: this code may have interrupted one that holds a lock that sending needs.
        sender = threading.Thread(target=flush if callable(own) else shutdown, daemon=True)
        sender.start()
        if callable(own):
            own(number, frame)
            return
        sender.join(_EXIT_SECONDS)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    if callable(own) or own is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, handle)
