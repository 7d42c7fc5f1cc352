"""The OpenTelemetry SDK of a service: resource, sampler, export to the Collector, and a flush when the process ends.

The environment's own variables win where OpenTelemetry defines them: OTEL_SDK_DISABLED, OTEL_TRACES_SAMPLER,
OTEL_TRACES_EXPORTER=none, OTEL_EXPORTER_OTLP_*, OTEL_BSP_*, OTEL_RESOURCE_ATTRIBUTES.
"""

from __future__ import annotations

import _thread
import atexit
import functools
import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from multiprocessing import util as multiprocessing_util
from pathlib import Path
from types import FrameType

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from modelwatch.model.load import load_model
from modelwatch.model.types import Model
from modelwatch.otel.instruments import instruments
from modelwatch.otel.logs.install import install
from modelwatch.otel.logs.outbox import flush_all
from modelwatch.otel.otlp import exporter
from modelwatch.otel.queue import SpanQueue
from modelwatch.otel.watch import Watch
from modelwatch.telemetry import spans as S

log = logging.getLogger("modelwatch.otel")

# Four times the SDK's default: about 4 MB of spans that wait for a Collector that is away.
_QUEUE_SPANS = 8192
_BATCH_SPANS = 512
_DELAY_MILLISECONDS = 1000
_EXIT_SECONDS = 3.0
_HELD_SECONDS = 0.5


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
            shown = instruments(registry)
            current.add_span_processor(queue(os.environ, shown.spans, shown.spans_waiting))
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


def queue(environ: os._Environ[str] | dict[str, str], spans: Counter, waiting: Gauge | None = None) -> SpanQueue:
    """Spans to the Collector, counted in ``spans`` and while they wait in ``waiting``.

    OTEL_BSP_* says how many wait, for how long and go at once.
    """

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
        waiting,
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
        # What was interrupted here may hold a lock that sending needs, and even one of `threading`.
        if callable(own):
            _thread.start_new_thread(flush, ())
            own(number, frame)
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        ended = threading.Event()
        _thread.start_new_thread(_end, (shutdown, ended))
        _thread.start_new_thread(_kill, (_EXIT_SECONDS,))
        ended.wait(_HELD_SECONDS)  # then it goes on, until the process ends

    if callable(own) or own is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, handle)


def _end(shutdown: Callable[[], object], ended: threading.Event) -> None:
    try:
        shutdown()
    finally:
        _kill()
        ended.set()


def _kill(after: float = 0.0) -> None:
    time.sleep(after)
    os.kill(os.getpid(), signal.SIGTERM)
