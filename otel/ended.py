"""What the backlog holds of an inference that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwatch.otel.backlog import Linked
from modelwatch.otel.probe import observe
from modelwatch.telemetry import metrics as M

if TYPE_CHECKING:
    from modelwatch.otel.inference import Inference, Stage
    from modelwatch.otel.opened import Trace


class Done:
    """An inference that has ended, or (``end`` 0) some stages of one: the backlog's record of it.

    It is apart from the inference so that the list of stages, which point back at it, is held by nothing else: neither
    needs the garbage collector.
    """

    __slots__ = ("_end", "_inference", "_stages", "_trace")

    def __init__(self, inference: Inference, trace: Trace | None, stages: list[Stage], end: int) -> None:
        self._inference, self._trace, self._stages, self._end = inference, trace, stages, end

    def hand_on(self) -> None:
        trace = self._trace
        if trace is None or not trace.recording:
            return
        for stage in self._stages:
            stage.emit(trace)
        if self._end:
            if self._inference.probe.sampling.limit is not None:
                self._inference.meet_limit(trace, len(self._stages) + 1)
            self._inference.emit(trace)

    def emit(self) -> None:
        if self._trace is not None and self._trace.recorder.deferred:
            self.hand_on()

    def drop_spans(self) -> None:
        trace = self._trace
        if trace is not None and trace.recording and trace.recorder.deferred:
            trace.recorder.drop(len(self._stages) + bool(self._end))
        self._trace = None

    def settle(self, linked: Linked) -> None:
        inference, trace = self._inference, self._trace
        if trace is not None and not (self._end and inference.kept(trace)):
            trace = None
        for stage in self._stages:
            meter = stage.meter
            observe(meter.duration, M.LATENCY_BUCKETS, (stage.end - stage.start) / 1e9, trace, stage, linked)
        if self._end:
            inference.settle(trace, linked)
            journal = inference.probe.journal
            if journal is not None and inference.journaled:
                journal.ended(inference, self._stages)
            if self._trace is not None:
                self._trace.close()
