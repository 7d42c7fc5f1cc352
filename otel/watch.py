"""Watch: what a service calls to be watched. One for each model and version."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, TypeVar, overload

from opentelemetry.sdk.trace import Tracer
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from modelwatch.model.types import Model
from modelwatch.otel.backlog import BACKLOG, Linked
from modelwatch.otel.carry import generated, generated_async, held, held_async
from modelwatch.otel.complaints import rows_of
from modelwatch.otel.decorate import Step, decorator
from modelwatch.otel.expected import Expected
from modelwatch.otel.inference import Inference, Stage
from modelwatch.otel.instruments import Bounded, exposition, instruments
from modelwatch.otel.opened import SCOPE, Trace
from modelwatch.otel.parts import Batch, PipelineStage
from modelwatch.otel.probe import Probe, RequestMeter, StageMeter
from modelwatch.otel.sampling import TailSampling
from modelwatch.otel.tracing import Recorder
from modelwatch.telemetry import metrics as M
from modelwatch.telemetry import spans as S

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Y = TypeVar("_Y")


class Watch:
    """Counts, times and traces one version of a model.

    ``version`` is the model's, and tells versions apart in metrics. ``tracer`` is the OpenTelemetry SDK's; without one
    nothing is traced. ``deferred`` hands spans to the tracer's processors soon after a request instead of at its end,
    which `setup` does. Watches of several models or versions may share a registry.
    """

    def __init__(
        self,
        model: Model,
        *,
        version: str,
        registry: CollectorRegistry = REGISTRY,
        tracer: Tracer | None = None,
        deferred: bool = False,
    ) -> None:
        self.model, self.version, self._registry = model, version, registry
        self._all = all_ = instruments(registry)
        ids = (model.name, version)
        identity = {S.MODEL_NAME.key: model.name, S.MODEL_VERSION.key: version}
        name = f"{S.INFERENCE_SPAN} {model.name}"
        self._probe = Probe(
            name=name,
            confidence=all_.confidence.labels(*ids),
            stages=Bounded(
                "stage",
                lambda stage: StageMeter(
                    stage, all_.stage_duration.labels(*ids, stage), {**identity, S.STAGE.key: stage}
                ),
            ),
            recorder=None
            if tracer is None
            else Recorder(tracer, name, identity, lost=all_.spans.labels("dropped"), deferred=deferred),
            sampling=TailSampling(model.tracing),
            low_confidence=float(model.tracing.low_confidence),
            identity=ids,
            expected=Expected(model),
            features=model.tracing.features,
            **_logs(model, version, all_.log_lines),
        )
        for outcome in M.SPAN_OUTCOMES:
            all_.spans.labels(outcome)
        self._ages: Bounded[Gauge] = Bounded("feature source", lambda source: all_.feature_age.labels(*ids, source))
        self._labels = {
            (predicted, actual): all_.labelled.labels(*ids, predicted, actual)
            for predicted in model.task.classes
            for actual in model.task.classes
        }
        # A counter born with its first error loses it: rate() needs a value before. So all series exist from the start.
        for stage in M.STAGES:
            self._probe.stages.get(stage)
        self._absolute_error = all_.absolute_error.labels(*ids) if model.task.type == "regression" else None
        self._ids = ids
        all_.info.labels(*ids, model.task.type).set(1)
        if model.serving.mode == "online":
            _ = self._requests
        else:
            for outcome in (M.OUTCOME_SUCCESS, M.OUTCOME_ERROR):
                all_.batch_runs.labels(*ids, outcome)

    @functools.cached_property
    def _requests(self) -> RequestMeter:
        """A batch model has these series only if it answers requests as well."""
        meter = RequestMeter(
            success=self._all.predictions.labels(*self._ids, M.OUTCOME_SUCCESS),
            error=self._all.predictions.labels(*self._ids, M.OUTCOME_ERROR),
            duration=self._all.prediction_duration.labels(*self._ids),
            in_flight=self._all.in_flight.labels(*self._ids),
        )
        BACKLOG.show(meter)
        return meter

    def inference(self, headers: Mapping[str, str] | None = None, batch: int = 1) -> Inference:
        """``with watch.inference(headers=request.headers, batch=len(rows)) as inference``: one request.

        ``headers`` carry the caller's trace (W3C traceparent; looked up in lower case). ``batch`` is its rows.
        """
        return Inference(self._probe, self._requests, headers, batch)

    def stage(self, name: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
        """Decorator: calls inside a running inference of this model are a stage of it, others run plain.

        Functions, coroutines, and generators of both kinds; these are timed from their first value to their end and
        are the current stage only while they run.
        """

        def opened() -> AbstractContextManager[object] | None:
            running = self.current()
            return None if running is None else running.stage(name)

        return decorator(opened)

    def step(self, name: str) -> Step:
        """``with watch.step("load"):`` or ``@watch.step("load")``: a stage of a data pipeline, in a request or in none.

        Inside a running inference or step of this model it is a stage of that; otherwise it has a trace of its own.
        """
        return Step(lambda: self._open_step(name))

    def _open_step(self, name: str) -> AbstractContextManager[Stage | PipelineStage]:
        running = self.current()
        return PipelineStage(self._probe, self._probe.stages.get(name)) if running is None else running.stage(name)

    @overload
    def stream(
        self, chunks: AsyncIterable[_Y], headers: Mapping[str, str] | None = None, batch: int = 1
    ) -> AsyncGenerator[_Y, None]: ...
    @overload
    def stream(
        self, chunks: Iterable[_Y], headers: Mapping[str, str] | None = None, batch: int = 1
    ) -> Generator[_Y, None, None]: ...
    def stream(
        self, chunks: AsyncIterable[_Y] | Iterable[_Y], headers: Mapping[str, str] | None = None, batch: int = 1
    ) -> AsyncGenerator[_Y, None] | Generator[_Y, None, None]:
        """``StreamingResponse(watch.stream(pieces, headers=request.headers))``: an answer in pieces is one request.

        It runs from the first piece to the last, and is attached only while a piece is made, in whichever thread that
        is. Code that makes them finds the inference by `current`.
        """

        def opened() -> Inference:
            return self.inference(headers, batch)

        if isinstance(chunks, AsyncIterable):
            return held_async(lambda: generated_async(chunks), opened)
        return held(lambda: generated(chunks), opened)

    def batch(self, requests: Sequence[Inference | Mapping[str, str]]) -> Batch:
        """``with watch.batch(requests) as batch, batch.stage("predict"):``: requests that are answered together.

        ``requests`` are inferences, or the headers of such that came from elsewhere. Each goes on counting for itself;
        the batch is one span, with links to all of them, and the stages in it are timed once.
        """
        return Batch(self._probe, f"{S.BATCH_SPAN} {self.model.name}", requests)

    def current(self) -> Inference | None:
        """The innermost inference of this model that the running code is in."""
        scope = SCOPE.get()
        inference = scope.inference if isinstance(scope, Stage) else scope
        return inference if isinstance(inference, Inference) and inference.probe is self._probe else None

    def batch_run(self) -> BatchRun:
        """``with watch.batch_run() as run: run.rows = 900``: one scoring run of a batch model."""
        return BatchRun(self)

    def feature_age(self, source: str, seconds: float) -> None:
        """Age of the newest value of a feature source that a prediction used."""
        self._ages.get(source).set(seconds)

    def label(self, predicted: str, actual: str) -> None:
        """The true class of an earlier prediction has arrived. Raises ValueError for a class that the spec lacks."""
        counter = self._labels.get((predicted, actual))
        if counter is None:
            classes = ", ".join(self.model.task.classes) or "none"
            raise ValueError(
                f"{self.model.name}: predicted={predicted!r}, actual={actual!r} is not made of the spec's "
                f"task.classes ({classes}): pass one of them or add it to the spec"
            )
        counter.inc()

    def absolute_error(self, error: float) -> None:
        """|predicted - actual| of an earlier prediction, in the task's unit. Raises ValueError if the task has none."""
        if self._absolute_error is None:
            raise ValueError(
                f"{self.model.name}: absolute_error is for task.type regression, not {self.model.task.type}"
            )
        self._absolute_error.observe(error)

    def concurrency_limit(self, requests: int) -> None:
        """How many requests this process can answer at the same time."""
        self._all.concurrency_limit.labels(*self._ids).set(requests)

    def exposition(self, accept: str | None = None) -> tuple[bytes, str]:
        """The metrics page of this watch's registry and its content type, for the header ``Accept``."""
        return exposition(self._registry, accept)

    def batch_ended(self, outcome: str, rows: int, seconds: float) -> None:
        """Count a scoring run; its size and end are of the last run that ended well."""
        ids, all_ = self._ids, self._all
        all_.batch_runs.labels(*ids, outcome).inc()
        if outcome == M.OUTCOME_SUCCESS:
            all_.batch_rows.labels(*ids).set(rows)
            all_.batch_duration.labels(*ids).set(seconds)
            all_.batch_last_success.labels(*ids).set(time.time())


def _logs(model: Model, version: str, lines: Counter) -> dict[str, Any]:
    """What writes lines and rows; nothing without a section ``logging``, which costs the import of none of it."""
    if model.logging is None:
        return {}
    from modelwatch.otel.logs.install import POLICIES  # noqa: PLC0415 -- as above
    from modelwatch.otel.logs.journal import Journal  # noqa: PLC0415 -- as above
    from modelwatch.otel.logs.predictions import PredictionRows  # noqa: PLC0415 -- as above

    POLICIES.add(model)
    rows = PredictionRows(model, lines) if model.logging.predictions is not None else None
    return {"journal": Journal(model, version, lines), "rows": rows}


class BatchRun(Inference):
    """One scoring run: traced like an inference, counted as a run. Set ``rows`` before it ends."""

    __slots__ = ("_watch",)

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch._probe, None, batch=0)
        self._watch = watch

    @property
    def rows(self) -> int:
        return self.batch

    @rows.setter
    def rows(self, count: int) -> None:
        self.batch = rows_of(count, self.probe.identity[0])

    def ended(self, seconds: float, _trace: Trace | None, _linked: Linked, /) -> None:
        outcome = M.OUTCOME_SUCCESS if self._failure is None else M.OUTCOME_ERROR
        self._watch.batch_ended(outcome, self.batch, seconds)
