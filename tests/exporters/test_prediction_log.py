"""The service's client: it delivers what it can, counts what it cannot, and never gets in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import httpx2
import numpy as np
import pytest
import specs
from doubled import FAST, Double
from prometheus_client import CollectorRegistry

from modelwatch.exporters.client import PredictionLog, Sending
from modelwatch.exporters.sidecar import Sidecar


def test_rows_arrive_with_all_their_fields_at_the_models_path(double: Double) -> None:
    with PredictionLog("flight delay", double.url, sending=FAST) as log:
        log.record(features={"hour": 7}, prediction="late", confidence=0.9, id="a", timestamp=12.5)
        log.record(features={"hour": 8})
    assert {path for path, _ in double.requests} == {"/v1/models/flight%20delay/predictions"}
    assert double.rows[0] == {
        "features": {"hour": 7},
        "timestamp": 12.5,
        "prediction": "late",
        "confidence": 0.9,
        "id": "a",
    }
    assert set(double.rows[1]) == {"features", "timestamp"}
    assert double.rows[1]["timestamp"] > 1e9
    assert log.counts == {"sent": 2, "rejected": 0, "dropped": 0}


def test_a_real_sidecar_counts_what_the_client_sends(serve_app) -> None:  # type: ignore[no-untyped-def]
    sidecar = Sidecar(specs.fleet(specs.model()))
    sidecar.load()
    client = serve_app(sidecar)
    with PredictionLog(specs.NAME, str(client.base_url), sending=FAST) as log:
        for row in specs.rows(1, 3000):
            log.record(**row)  # type: ignore[arg-type]
        log.record(features={"hour": "seven"})
        log.record(
            features={"hour": np.float32("nan"), "distance": np.int64(3), "carrier": np.bool_(True)},
            prediction=np.str_("late"),
        )
        log.record(features={"hour": 10**30, "carrier": "half \ud83d"})
    assert log.counts == {"sent": 3002, "rejected": 1, "dropped": 0}
    assert client.get(f"/v1/models/{specs.NAME}").json()["rows"] == {"accepted": 3002, "rejected": 1}


def test_a_name_that_is_no_text_costs_no_other_row_of_its_batch(serve_app: Callable[..., httpx2.Client]) -> None:
    sidecar = Sidecar(specs.fleet(specs.model()))
    sidecar.load()
    client = serve_app(sidecar)
    with PredictionLog(specs.NAME, str(client.base_url), sending=FAST) as log:
        for row in specs.rows(1, 300):
            log.record(**row)  # type: ignore[arg-type]  # values of any kind, by the names of its parameters
        log.record(features={"x\udcff": 1})
        log.record(features={"x\udcff": 1, "hour": 7})
    assert log.counts == {"sent": 301, "rejected": 1, "dropped": 0}
    assert client.get(f"/v1/models/{specs.NAME}").json()["rows"] == {"accepted": 301, "rejected": 1}


def test_many_rows_go_in_batches(double: Double) -> None:
    with PredictionLog("m", double.url, sending=Sending(batch_rows=100, interval=5)) as log:
        for i in range(1000):
            log.record({"i": i})
    assert [row["features"]["i"] for row in double.rows] == list(range(1000))
    assert len(double.requests) <= 12
    assert max(len(rows) for _, rows in double.requests) == 100


def test_a_batch_stays_within_its_bytes(double: Double) -> None:
    with PredictionLog("m", double.url, sending=Sending(batch_bytes=5000, interval=5)) as log:
        for _ in range(20):
            log.record({"text": "x" * 1000})
    assert len(double.rows) == 20
    assert max(len(rows) for _, rows in double.requests) <= 4


def test_a_batch_that_is_too_large_for_the_sidecar_is_halved(double: Double) -> None:
    double.answers = [(413, None, {}), (413, None, {}), (200, None, {})]
    with PredictionLog("m", double.url, sending=Sending(interval=0.2)) as log:
        for i in range(8):
            log.record({"i": i})
    assert [row["features"]["i"] for row in double.rows] == list(range(8))
    assert log.counts["sent"] == 8


@pytest.mark.parametrize("status", [429, 503, 502])
def test_a_busy_sidecar_is_tried_again(double: Double, status: int) -> None:
    double.answers = [(status, None, {}), (status, None, {"Retry-After": "0"}), (200, None, {})]
    with PredictionLog("m", double.url, sending=FAST) as log:
        log.record({"i": 1})
    assert log.counts == {"sent": 1, "rejected": 0, "dropped": 0}
    assert len(double.requests) == 3


def test_retry_after_is_heeded_within_bounds(double: Double) -> None:
    double.answers = [(429, None, {"Retry-After": "86400"}), (200, None, {})]
    with PredictionLog("m", double.url, sending=FAST) as log:
        log.record({"i": 1})
    assert log.counts["sent"] == 1


def test_a_connection_that_breaks_is_tried_again(double: Double) -> None:
    double.drop_next = 3
    with PredictionLog("m", double.url, sending=FAST) as log:
        log.record({"i": 1})
    assert log.counts["sent"] == 1


def test_a_connection_that_was_closed_while_idle_costs_no_attempt(double: Double, wait: Callable[..., None]) -> None:
    with PredictionLog("m", double.url, sending=Sending(interval=0.01, attempts=1)) as log:
        log.record({"i": 1})
        wait(lambda: log.counts["sent"] == 1)
        double.drop_next = 1  # the kept connection is closed on the next request
        log.record({"i": 2})
        wait(lambda: log.counts["sent"] == 2)


def test_what_the_sidecar_rejects_is_counted_and_not_sent_again(double: Double) -> None:
    answers = [
        (200, {"accepted": 1, "rejected": 1, "errors": [{"index": 0, "reason": "bad"}]}, 2),
        (422, {"accepted": 0, "rejected": 2, "errors": []}, 2),
        (404, {"error": "there is no such model"}, 2),
        (400, {"error": "no JSON"}, 2),
        (500, {}, 2),
    ]
    for status, body, _ in answers:
        double.answers = [(status, body, {})]
        double.requests.clear()
        with PredictionLog("m", double.url, sending=Sending(interval=0.2)) as log:
            log.record({"i": 1})
            log.record({"i": 2})
        accepted = body.get("accepted", 0)
        assert log.counts == {"sent": accepted, "rejected": 2 - accepted, "dropped": 0}
        assert len(double.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"accepted": "many"},
        {"accepted": 10**6},
        {"accepted": -5},
        {"accepted": 0, "errors": "none"},
        {"accepted": 0, "errors": [5]},
    ],
)
def test_an_odd_answer_is_counted_somehow_and_the_next_row_still_goes_out(
    double: Double, body: dict, wait: Callable[..., None]
) -> None:
    double.answers = [(200, body, {}), (200, None, {})]
    with PredictionLog("m", double.url, sending=FAST) as log:
        log.record({"i": 1})
        wait(lambda: sum(log.counts.values()) == 1)
        log.record({"i": 2})
    assert len(double.rows) == 1
    assert sum(log.counts.values()) == 2


def test_a_dead_sidecar_costs_rows_but_no_error(dead: str) -> None:
    log = PredictionLog("m", dead, sending=Sending(interval=0.01, pause=0.001, longest_pause=0.002, capacity=50))
    for i in range(2000):
        log.record({"i": i})
    log.close(timeout=0.5)
    assert log.counts == {"sent": 0, "rejected": 0, "dropped": 2000}


def test_a_slow_sidecar_fills_the_queue_and_the_rest_is_dropped(double: Double, wait: Callable[..., None]) -> None:
    double.hold.clear()
    log = PredictionLog("m", double.url, sending=Sending(batch_rows=10, interval=0.01, capacity=100))
    for i in range(500):
        log.record({"i": i})
    assert 500 - 100 - 30 <= log.counts["dropped"] <= 400
    double.hold.set()
    wait(lambda: sum(log.counts.values()) == 500)
    log.close()
    assert log.counts["sent"] == len(double.rows) == 500 - log.counts["dropped"]


def test_a_sidecar_that_comes_and_goes_costs_no_error_and_every_row_is_counted_once() -> None:
    """It answers, hangs up, refuses and answers again, on the same port."""
    double = Double()
    port = double.server.server_port
    log = PredictionLog("m", url=double.url, sending=FAST)
    slowest, arrived = 0.0, 0
    for turn in range(6):
        if turn % 2:
            double.drop_next = 1_000_000
            double.server.shutdown()
            double.server.server_close()
            arrived += len(double.rows)
        elif turn:
            double = Double(port)
            double.drop_next = 2
        for number in range(100):
            start = time.perf_counter()
            log.record({"x": number})
            slowest = max(slowest, time.perf_counter() - start)
            time.sleep(0.002)
    log.close(5)
    assert sum(log.counts.values()) == 600
    assert log.counts["rejected"] == 0
    # Only a row whose answer got lost arrives without being counted as sent.
    assert 100 <= log.counts["sent"] <= arrived
    assert log.counts["dropped"] > 0
    assert slowest < 0.2


def test_closing_does_not_wait_longer_than_told_for_a_hanging_sidecar(double: Double) -> None:
    double.hold.clear()
    log = PredictionLog("m", double.url, sending=FAST)
    for i in range(10):
        log.record({"i": i})
    closing = threading.Thread(target=log.close, kwargs={"timeout": 0.2}, daemon=True)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()


def test_closing_a_full_log_counts_every_row_in_the_time_that_it_has(dead: str) -> None:
    log = PredictionLog("m", dead)
    features = {f"n{number}": number * 1.5 for number in range(40)}
    for _ in range(20_000):
        log.record(features)
    start = time.monotonic()
    log.close(0.2)
    assert log.counts == {"sent": 0, "rejected": 0, "dropped": 20_000}
    assert time.monotonic() - start < 5


def test_after_closing_rows_are_dropped_and_closing_again_is_nothing(double: Double) -> None:
    log = PredictionLog("m", double.url, sending=FAST)
    log.close()
    log.close()
    log.record({"i": 1})
    log.close()
    assert log.counts == {"sent": 0, "rejected": 0, "dropped": 1}


class Hostile:
    def __float__(self) -> float:
        raise RuntimeError("no")

    def __str__(self) -> str:
        raise RuntimeError("no")


def test_a_row_that_cannot_be_written_is_dropped_and_the_others_arrive(double: Double) -> None:
    with PredictionLog("m", double.url, sending=Sending(interval=0.2)) as log:
        log.record({"i": 1})
        log.record({"i": Hostile()})
        log.record({"i": np.zeros(3)})
        log.record(None)  # type: ignore[arg-type]
        log.record(7)  # type: ignore[arg-type]
        log.record({"i": 2})
    assert [row["features"]["i"] for row in double.rows] == [1, 2]
    assert log.counts == {"sent": 2, "rejected": 0, "dropped": 4}


def test_a_row_is_copied_when_it_is_recorded(double: Double) -> None:
    features = {"i": 1}
    with PredictionLog("m", double.url, sending=Sending(interval=0.2)) as log:
        log.record(features)
        features["i"] = 2
    assert double.rows[0]["features"] == {"i": 1}


def test_outcomes_are_counted_on_the_registry_from_zero_and_shared_by_several_logs(double: Double, dead: str) -> None:
    registry = CollectorRegistry()
    with PredictionLog("one", double.url, registry, FAST) as one, PredictionLog("two", dead, registry, FAST) as two:
        name = "modelwatch_client_rows_total"
        for model in ("one", "two"):
            for outcome in ("sent", "rejected", "dropped"):
                assert registry.get_sample_value(name, {"model": model, "outcome": outcome}) == 0
        one.record({"i": 1})
        two.record({"i": 1})
    assert registry.get_sample_value(name, {"model": "one", "outcome": "sent"}) == 1
    assert registry.get_sample_value(name, {"model": "two", "outcome": "dropped"}) == 1


def test_threads_may_record_at_the_same_time(double: Double) -> None:
    with PredictionLog("m", double.url, sending=FAST) as log:
        threads = [
            threading.Thread(target=lambda n=n: [log.record({"i": n * 1000 + i}) for i in range(500)]) for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(row["features"]["i"] for row in double.rows) == [n * 1000 + i for n in range(8) for i in range(500)]
