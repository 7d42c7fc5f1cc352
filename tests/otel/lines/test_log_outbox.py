"""Lines of inferences wait for a thread of their own: nobody waits for it, and what does not fit is counted."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from modelwatch.otel import Watch
from modelwatch.otel.logs.outbox import Outbox, flush_all
from tests.otel.lines.logged import ask, model


def test_a_handler_of_the_service_that_hangs_makes_nobody_wait_and_what_does_not_fit_is_counted(
    registry: CollectorRegistry,
) -> None:
    hang, entered = threading.Event(), threading.Event()

    class Hangs(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            entered.set()
            hang.wait(20)

    logger = logging.getLogger("modelwatch.inference")
    handler = Hangs()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        watch = Watch(model(), version="7", registry=registry)
        journal = watch._probe.journal
        assert journal is not None
        journal._outbox._limit = 100
        ask(watch)
        watch.exposition()
        assert entered.wait(10)
        start = time.perf_counter()
        for _ in range(500):
            ask(watch)
        page = watch.exposition()[0].decode()
        assert time.perf_counter() - start < 5
        assert 'model_predictions_total{model="flight-delay",outcome="success",version="7"} 501.0' in page
        dropped = registry.get_sample_value(
            "modelwatch_log_lines_total", {"model": "flight-delay", "kind": "inference", "outcome": "dropped"}
        )
        assert dropped is not None and dropped >= 400
    finally:
        hang.set()
        flush_all()
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def test_an_outbox_outlives_a_writer_that_fails_and_counts(registry: CollectorRegistry) -> None:
    written, dropped = (Counter(name, name, registry=registry) for name in ("w", "d"))
    got: list[int] = []

    def write(items: Any) -> int:
        if 0 in items:
            raise OSError("disk full")
        got.extend(items)
        return len(items)

    outbox: Outbox[int] = Outbox(write, written, dropped)
    outbox.put(0)
    outbox.flush()
    outbox.put(1)
    outbox.flush()
    assert got == [1]
    assert (registry.get_sample_value("w_total"), registry.get_sample_value("d_total")) == (1, 1)
