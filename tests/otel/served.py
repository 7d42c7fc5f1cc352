"""A service that is watched by the helpers, with the queue, the exporter and the resource that `setup` gives it."""

from __future__ import annotations

import threading
import time

from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from modelwatch.model.types import Model
from modelwatch.otel import Watch, sdk
from modelwatch.otel.backlog import BACKLOG
from modelwatch.otel.instruments import instruments
from modelwatch.telemetry import metrics as M


class Service:
    """Its spans go to the OTLP port ``port`` of this machine, and its metrics to a registry of its own."""

    def __init__(self, model: Model, port: str | int, **environ: str) -> None:
        settings = {"MODELWATCH_PORT_OTLP_HTTP": f"{port}", "OTEL_BSP_SCHEDULE_DELAY": "100", **environ}
        self.registry = CollectorRegistry()
        shown = instruments(self.registry)
        self.queue = sdk.queue(settings, shown.spans, shown.spans_waiting)
        self.provider = TracerProvider(resource=sdk.resource(model), shutdown_on_exit=False)
        self.provider.add_span_processor(self.queue)
        self.tracer = self.provider.get_tracer("modelwatch")
        self.watch = Watch(model, version="7", registry=self.registry, tracer=self.tracer, deferred=True)  # type: ignore[arg-type]  # the SDK's provider gives its Tracer
        self.ended: dict[str, float] = {}
        """Trace -> when its request ended, by the clock of `time.time`."""

    def request(self) -> str:
        """A request with one stage; its trace."""
        with self.watch.inference() as running, running.stage("predict"):
            pass
        assert running.trace is not None
        trace = f"{running.trace.trace_id:032x}"
        self.ended[trace] = time.time()
        return trace

    def outcomes(self) -> dict[str, int]:
        BACKLOG.drain()
        found = {o: self.registry.get_sample_value("modelwatch_spans_total", {"outcome": o}) for o in M.SPAN_OUTCOMES}
        return {outcome: int(value or 0) for outcome, value in found.items()}

    def account(self) -> dict[str, int]:
        """Outcomes, in which with those that wait every span of every request has one place; while none runs."""
        BACKLOG.drain()
        while True:
            waiting = self.queue.waiting
            found = {**self.outcomes(), "waiting": int(self.registry.get_sample_value("modelwatch_spans_waiting") or 0)}
            if self.queue.waiting == waiting == found["waiting"]:  # none was answered meanwhile
                break
        assert sum(found.values()) == 2 * len(self.ended), found
        return found


class Load:
    """Requests from a thread, about ``pace`` a second, until it is told to stop."""

    def __init__(self, service: Service, pace: float = 100.0) -> None:
        self._service, self._pause, self._stopped = service, 1 / pace, threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._stopped.wait(self._pause):
            self._service.request()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
