"""The line of each inference that the spec wants one of, written after its answer: errors, slow, unsure, a share."""

from __future__ import annotations

import dataclasses
import logging
import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prometheus_client import Counter

from modelwatch.model.types import Model
from modelwatch.otel.logs import install
from modelwatch.otel.logs.formatter import Ended, Line, trace_ids
from modelwatch.otel.logs.outbox import Outbox
from modelwatch.otel.logs.redaction import Json, Redactor
from modelwatch.otel.sampling import TailSampling
from modelwatch.telemetry import logs as L
from modelwatch.telemetry import metrics as M

if TYPE_CHECKING:
    from modelwatch.otel.inference import Inference, Stage

log = logging.getLogger(L.INFERENCE_LOGGER)


class Journal:
    """Of one model and version. Sampled as its traces are, so that where both ask for the same share, both are kept."""

    def __init__(self, model: Model, version: str, lines: Counter) -> None:
        """``lines`` has the labels model, kind and outcome."""
        spec = model.logging
        assert spec is not None
        self._model, self._version = model.name, version
        install.POLICIES.runs(model.name, version)
        self._sampling = TailSampling(dataclasses.replace(model.tracing, sample=spec.sample, keep=spec.keep))
        # Of another share, lines and traces are not kept together anyway.
        self._as_traces = spec.sample == model.tracing.sample
        self._redactor = Redactor(spec.allow, spec.redact)
        written, dropped = (lines.labels(model.name, "inference", outcome) for outcome in M.LINE_OUTCOMES)
        self._outbox: Outbox[logging.LogRecord] = Outbox(
            self._write, written, dropped, what=f"lines of inferences of {model.name}"
        )

    def ended(self, inference: Inference, stages: Sequence[Stage]) -> None:
        """Called by the backlog's thread, so it may take its time, but must not wait."""
        try:
            self._ended(inference, stages)
        except Exception:  # the backlog's thread goes on to the next request, whatever one of them holds
            log.debug("no line of an inference of %s could be made", self._model, exc_info=True)

    def _ended(self, inference: Inference, stages: Sequence[Stage]) -> None:
        failure = inference.failure
        level = logging.INFO if failure is None else logging.ERROR
        if not log.isEnabledFor(level):
            return
        trace = inference.trace
        why = self._sampling.reasons(
            random.getrandbits(128) if trace is None else trace.trace_id,
            error=failure is not None,
            seconds=inference.seconds,
            low_confidence=inference.low,
            drifted=inference.has_drifted,
        )
        if why is None or (why == () and self._as_traces and inference.over_limit):
            return
        self._outbox.put(self._record(inference, stages, level, why))

    def _record(
        self, inference: Inference, stages: Sequence[Stage], level: int, why: Sequence[str]
    ) -> logging.LogRecord:
        failure, seconds, lowest = inference.failure, inference.seconds, inference.lowest_confidence
        outcome = M.OUTCOME_SUCCESS if failure is None else M.OUTCOME_ERROR
        told: Line = {L.VERSION.key: self._version, L.OUTCOME.key: outcome}
        if failure is not None:
            told[L.ERROR_TYPE.key] = self._redactor.label(failure)
        told[L.DURATION.key] = round(seconds, 6)
        spent: dict[str, float] = {}
        for stage in stages:
            name = self._redactor.label(stage.meter.name)
            spent[name] = spent.get(name, 0.0) + (stage.end - stage.start) / 1e9
        if spent:
            told[L.STAGES.key] = {name: round(took, 6) for name, took in spent.items()}
        told[L.ROWS.key] = inference.batch
        if lowest is not None:
            told[L.CONFIDENCE.key] = lowest
        reasons: list[Json] = [*why]
        told[L.REASONS.key] = reasons
        trace = inference.trace
        ids = {} if trace is None else trace_ids(trace.trace_id, inference.span_id, trace.flags)
        message = f"inference of {self._model}: {outcome} in {seconds:.6f} s"
        record = log.makeRecord(log.name, level, "", 0, message, (), None)
        # It is written a moment after the inference has ended, which is what its time is to be.
        record.created = time.time() - (time.perf_counter_ns() - inference.end) / 1e9
        record.msecs = (record.created % 1) * 1000
        record.__dict__[L.INFERENCE_EVENT] = Ended(self._model, ids, told)
        return record

    def _write(self, records: Sequence[logging.LogRecord]) -> int:
        """How many of them no handler of ours has lost; what others do, only they know."""
        for record in sorted(records, key=lambda record: record.created):
            log.handle(record)
        return sum(not record.__dict__[L.INFERENCE_EVENT].lost for record in records)
