"""Rows that come in while a model is replaced or removed are counted once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import counts
import pytest
import specs
from faults import ingest_ten

from modelwatch.exporters.monitor import Monitor, RetiredError
from modelwatch.exporters.sidecar import NotLoadedError, Sidecar, UnknownModelError
from modelwatch.exporters.state import State

# --- a monitor that is replaced while rows come in ---


def test_a_retired_monitor_counts_nothing_and_says_so(clock) -> None:  # type: ignore[no-untyped-def]
    found = counts.layout(("a", 3, 1))
    monitor = Monitor(found, clock)  # type: ignore[arg-type]
    taken = []
    monitor.retire(taken.append)
    with pytest.raises(RetiredError):
        monitor.add(counts.counted(found, 1))  # type: ignore[arg-type]
    assert taken[0].accepted == 0
    with pytest.raises(ZeroDivisionError):
        Monitor(found, clock).retire(lambda _: 1 / 0)  # type: ignore[arg-type,func-returns-value]


def test_rows_that_come_in_while_profiles_are_replaced_are_all_counted_once(tmp_path: Path) -> None:
    features = specs.FEATURES
    other = tuple(reversed(features))
    sidecar = Sidecar(specs.fleet(specs.model(features=features)), State(tmp_path))
    sidecar.load()
    sent = [0] * 3
    end = threading.Event()

    def send(place: int) -> None:
        while not end.is_set():
            sent[place] += ingest_ten(sidecar, place)

    threads = [threading.Thread(target=send, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(20):
        sidecar.load(specs.fleet(specs.model(features=other if turn % 2 == 0 else features)))
        sidecar.keep()
    end.set()
    for thread in threads:
        thread.join()
    total = sum(sent)
    assert total > 0
    (found,) = sidecar.snapshots()
    assert found.tally.accepted == total
    hour = next(w for w in found.layout.watched if w.name == "hour")
    assert hour.counts(found.tally.counters).sum() == total
    again = State(tmp_path).load(specs.NAME)
    assert again is not None and again.accepted == total
    assert (again.counters == found.tally.counters).all()


def test_a_model_that_is_removed_while_rows_come_in_keeps_what_was_accepted(tmp_path: Path) -> None:
    sidecar = Sidecar(specs.fleet(specs.model()), State(tmp_path))
    sidecar.load()
    sent = 0
    end = threading.Event()

    def send() -> None:
        nonlocal sent
        while not end.is_set():
            try:
                sent += ingest_ten(sidecar)
            except (UnknownModelError, NotLoadedError):
                continue

    thread = threading.Thread(target=send)
    thread.start()
    for _ in range(10):
        before, patience = sent, time.monotonic() + 30
        while sent == before and time.monotonic() < patience:
            time.sleep(0.001)
        sidecar.load(specs.fleet())
        sidecar.load(specs.fleet(specs.model()))
    end.set()
    thread.join()
    assert sent > 0
    assert sidecar.snapshots()[0].tally.accepted == sent
    assert sidecar.failures() == {"load": 0, "save": 0}
