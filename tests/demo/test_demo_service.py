"""The service over HTTP: answers, labels, faults, metrics, and what the watch says of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from demo.engine import Engine, Loaded
from demo.faults import FAULTS
from demo.models import FLIGHT_DELAY
from demo.service import CONCURRENCY, Service
from modelwatch.telemetry import metrics as M

FLIGHT = {
    "id": "20130702-UA1-EWR",
    "time": "2013-07-02T13:20:00Z",
    "carrier": "UA",
    "origin": "EWR",
    "distance": 1400,
    "dep_hour": 9,
    "dep_delay": 2,
}
PREDICT = "/v1/models/flight-delay/predict"
LABELS = "/v1/models/flight-delay/labels"
Value = Callable[..., float | None]


@pytest.fixture
def value(registry: CollectorRegistry) -> Value:
    """A series of version 2013.06 of a model, flight-delay if not said."""

    def read(series: str, model: str = "flight-delay", **labels: str) -> float | None:
        return registry.get_sample_value(series, {"model": model, "version": "2013.06", **labels})

    return read


def flight(**changes: object) -> dict[str, object]:
    return {**FLIGHT, **changes}


def predict(client: TestClient, *flights: dict[str, object], model: str = "flight-delay") -> list[dict[str, Any]]:
    answer = client.post(f"/v1/models/{model}/predict", json=list(flights))
    assert answer.status_code == 200, answer.text
    return cast("list[dict[str, Any]]", answer.json()["predictions"])


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread; the test's own timeout ends it."""
    while not condition():
        time.sleep(0.01)


def test_a_flight_is_answered_with_a_class_and_its_confidence(client: TestClient) -> None:
    answer = client.post(PREDICT, json=FLIGHT)
    assert answer.status_code == 200
    assert answer.json()["model"] == "flight-delay"
    assert answer.json()["version"] == "2013.06"
    (prediction,) = answer.json()["predictions"]
    assert prediction["id"] == FLIGHT["id"]
    assert prediction["prediction"] == "on_time"
    assert 0.5 <= prediction["confidence"] <= 1
    (late,) = predict(client, flight(dep_delay=180))
    assert late["prediction"] == "late"


def test_air_time_is_answered_in_minutes(client: TestClient) -> None:
    (prediction,) = predict(client, flight(), model="air-time")
    assert 150 < prediction["prediction"] < 300
    assert prediction["confidence"] is None


def test_a_list_is_one_request_of_many_predictions(client: TestClient, value: Value) -> None:
    predict(client, *(flight(id=str(number)) for number in range(30)))
    assert value("model_predictions_total", outcome="success") == 30
    assert value("model_prediction_duration_seconds_count") == 1
    assert value("model_prediction_confidence_ratio_count") == 30
    for stage in M.STAGES:
        assert value("model_stage_duration_seconds_count", stage=stage) == 1


def test_the_sidecar_gets_what_the_model_saw(client: TestClient, logs: Any) -> None:
    (prediction,) = predict(client, flight())
    (row,) = logs["flight-delay"].rows
    assert set(row["features"]) == set(FLIGHT_DELAY.features)
    assert row["features"]["temp"] is not None
    assert (row["prediction"], row["confidence"]) == (prediction["prediction"], prediction["confidence"])
    assert row["id"] == FLIGHT["id"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("{", 400, "the body is no JSON"),
        ("[]", 422, "0 items: send 1 to 1000"),
        ("7", 422, "a flight is a JSON object"),
        ('{"carrier": "UA"}', 422, "time is None: give the departure such as"),
        ('{"time": "2013-07-01T09:15:00"}', 422, "time is '2013-07-01T09:15:00': give the departure"),
        ('{"time": "2013-07-01T09:15:00Z", "distance": "far"}', 422, "distance is 'far': give a number or null"),
        ('{"time": "2013-07-01T09:15:00Z", "id": 7}', 422, "id is a text"),
        ('{"time": "2013-07-01T09:15:00Z", "distance": NaN}', 400, "the body is no JSON"),
        ("[" + "1," * 600_000 + "1]", 413, "send at most 1048576 bytes"),
    ],
)
def test_a_request_that_cannot_be_read_is_told_why_and_is_no_prediction(
    client: TestClient, value: Value, body: str, status: int, message: str
) -> None:
    answer = client.post(PREDICT, content=body)
    assert answer.status_code == status
    assert message in answer.json()["error"]
    assert value("model_predictions_total", outcome="error") == 0


def test_an_unknown_model_is_told_which_there_are(client: TestClient) -> None:
    answer = client.post("/v1/models/nothing/predict", json=FLIGHT)
    assert answer.status_code == 404
    assert answer.json()["error"] == "no such model; there are flight-delay, air-time, gate-ranking"
    assert client.post("/v1/models/gate-ranking/predict", json=FLIGHT).status_code == 404


def test_the_process_is_alive_before_it_is_ready(engine: Engine, registry: CollectorRegistry, loaded: Loaded) -> None:
    gate = threading.Event()

    def load() -> Loaded:
        gate.wait()
        return loaded

    with TestClient(Service(engine, registry, load).app()) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        answer = client.post(PREDICT, json=FLIGHT)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        gate.set()
        until(lambda: client.get("/readyz").status_code == 200)
        assert client.post(PREDICT, json=FLIGHT).status_code == 200


def test_models_that_cannot_be_loaded_are_told_by_readiness(engine: Engine, registry: CollectorRegistry) -> None:
    def load() -> Loaded:
        raise OSError("no space left")

    with TestClient(Service(engine, registry, load).app()) as client:
        until(lambda: "no space left" in client.get("/readyz").text)
        assert client.get("/healthz").status_code == 200


def test_a_label_meets_its_prediction_once(client: TestClient, value: Value) -> None:
    predict(client, flight())
    label = {"id": FLIGHT["id"], "actual": "late"}
    assert client.post(LABELS, json=label).json() == {"matched": 1, "unknown": 0}
    assert value("model_labelled_predictions_total", predicted="on_time", actual="late") == 1
    assert client.post(LABELS, json=[label, {"id": "never", "actual": "late"}]).json() == {"matched": 0, "unknown": 2}
    assert client.get("/progress").json()["models"]["flight-delay"]["recent_accuracy"] == 0


def test_a_label_of_a_regression_is_an_absolute_error(client: TestClient, value: Value) -> None:
    (prediction,) = predict(client, flight(), model="air-time")
    label = {"id": FLIGHT["id"], "actual": prediction["prediction"] - 7}
    assert client.post("/v1/models/air-time/labels", json=label).json()["matched"] == 1
    assert value("model_absolute_error_sum", model="air-time") == pytest.approx(7)


@pytest.mark.parametrize(
    ("name", "label", "message"),
    [
        ("flight-delay", {"id": "a", "actual": "early"}, "actual is 'early': give 'on_time' or 'late'"),
        ("air-time", {"id": "a", "actual": "late"}, "actual is 'late': give the minutes in the air"),
        ("flight-delay", {"actual": "late"}, 'a label is {"id": "...", "actual": ...}'),
        ("gate-ranking", {"id": "a", "actual": "late"}, "gate-ranking takes no labels"),
    ],
)
def test_a_label_that_cannot_be_is_refused(
    client: TestClient, name: str, label: dict[str, object], message: str
) -> None:
    answer = client.post(f"/v1/models/{name}/labels", json=label)
    assert answer.status_code == 422
    assert message in answer.json()["error"]


def test_a_new_day_is_ranked_when_the_day_before_is_over(client: TestClient, value: Value, logs: Any) -> None:
    predict(client, flight())
    until(lambda: value("model_batch_runs_total", model="gate-ranking", outcome="success") == 1)
    predict(client, flight(time="2013-07-03T01:00:00Z"))  # still the 2nd in New York
    predict(client, flight(time="2013-07-03T09:30:00Z"))
    until(lambda: value("model_batch_runs_total", model="gate-ranking", outcome="success") == 2)
    until(lambda: client.get("/progress").json()["ranking"]["day"] == "2013-07-03")
    rows = value("model_batch_rows", model="gate-ranking")
    assert rows is not None and rows > 10
    ranked = client.get("/progress").json()["ranking"]["riskiest"]
    assert [found["risk"] for found in ranked] == sorted((found["risk"] for found in ranked), reverse=True)
    assert len(logs["gate-ranking"].rows) >= rows
    assert logs["gate-ranking"].rows[-1]["features"].keys() == {"distance", "dep_hour", "carrier", "origin"}


def test_simulated_time_goes_forward_and_back_only_with_a_new_replay(engine: Engine) -> None:
    day = 86_400
    first = 20 * day + 12 * 3600
    assert engine.advance(first) == date(1970, 1, 21)
    assert engine.advance(first - 3600) is None
    assert engine.simulated == first
    assert engine.advance(first + day) == date(1970, 1, 22)
    assert engine.advance(first - 5 * day) == date(1970, 1, 16)


def inject(client: TestClient, name: str, **body: object) -> None:
    assert client.post(f"/faults/{name}", json=body).status_code == 200


def test_slow_makes_answers_slow(client: TestClient, sleeps: list[float]) -> None:
    predict(client, flight())
    assert sleeps == []
    inject(client, "slow")
    predict(client, flight())
    assert sleeps == [0.4]


def test_failing_fails_two_of_three_requests_and_counts_them(client: TestClient, value: Value) -> None:
    inject(client, "failing")
    answers = [client.post(PREDICT, json=FLIGHT) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [500, 500, 200] * 2
    assert answers[0].json() == {"error": "the fault 'failing' is on"}
    assert value("model_predictions_total", outcome="error") == 4
    assert value("model_predictions_total", outcome="success") == 2
    assert value("model_requests_in_flight") == 0
    assert client.get("/progress").json()["models"]["flight-delay"]["errors"] == 4


def test_failing_fails_the_batch_run(client: TestClient, engine: Engine, value: Value) -> None:
    inject(client, "failing")
    with pytest.raises(RuntimeError):
        engine.rank(date(2013, 7, 2))
    assert value("model_batch_runs_total", model="gate-ranking", outcome="error") == 1
    assert value("model_batch_last_success_timestamp_seconds", model="gate-ranking") is None


def test_missing_weather_leaves_the_features_empty(client: TestClient, logs: Any) -> None:
    inject(client, "missing_weather")
    predict(client, flight())
    features = logs["flight-delay"].rows[-1]["features"]
    assert {name for name, found in features.items() if found is None} == {
        "temp",
        "humid",
        "wind_speed",
        "precip",
        "visib",
    }


def test_stale_features_grow_old_with_simulated_time_and_heal(client: TestClient, logs: Any, value: Value) -> None:
    predict(client, flight())
    fresh = value("model_feature_age_seconds", source="weather")
    assert fresh == 20 * 60
    inject(client, "stale_features")
    predict(client, flight())
    predict(client, flight(time="2013-07-02T23:20:00Z"))
    assert value("model_feature_age_seconds", source="weather") == fresh + 10 * 3600
    frozen, old = (row["features"]["temp"] for row in logs["flight-delay"].rows[-2:])
    assert frozen == old is not None
    client.delete("/faults/stale_features")
    predict(client, flight(time="2013-07-02T23:20:00Z"))
    assert value("model_feature_age_seconds", source="weather") == fresh


def test_shifted_feature_gives_distances_in_kilometres(client: TestClient, logs: Any) -> None:
    inject(client, "shifted_feature")
    predict(client, flight())
    assert logs["flight-delay"].rows[-1]["features"]["distance"] == pytest.approx(1400 * 1.609344)


def test_constant_output_calls_every_flight_late(client: TestClient) -> None:
    inject(client, "constant_output")
    assert [
        (found["prediction"], found["confidence"]) for found in predict(client, flight(), flight(dep_delay=-9))
    ] == [("late", 1.0)] * 2


def test_a_fault_heals_by_itself_by_name_or_with_all_others(client: TestClient, clock: Any) -> None:
    def active() -> set[str]:
        return {fault["name"] for fault in client.get("/faults").json() if fault["active"]}

    inject(client, "slow", duration=30)
    inject(client, "failing")
    inject(client, "constant_output")
    assert active() == {"slow", "failing", "constant_output"}
    clock.now = 30
    assert active() == {"failing", "constant_output"}
    client.delete("/faults/failing")
    assert active() == {"constant_output"}
    client.delete("/faults")
    assert active() == set()


@pytest.mark.parametrize("duration", [0, -1, "soon", True])
def test_a_duration_that_is_none_is_refused(client: TestClient, duration: object) -> None:
    answer = client.post("/faults/slow", json={"duration": duration})
    assert answer.status_code == 422
    assert "give seconds, or leave it out" in answer.json()["error"]


def test_an_unknown_fault_is_told_which_there_are(client: TestClient) -> None:
    for answer in (client.post("/faults/fire"), client.delete("/faults/fire")):
        assert answer.status_code == 404
        assert all(name in answer.json()["error"] for name in FAULTS)


def test_more_requests_than_may_wait_are_turned_away_and_are_errors(
    client: TestClient, engine: Engine, value: Value
) -> None:
    gate, statuses = threading.Event(), []
    engine._sleep = lambda _: cast("None", gate.wait())
    inject(client, "slow")

    def ask() -> None:
        statuses.append(client.post(PREDICT, json=FLIGHT).status_code)

    threads = [threading.Thread(target=ask) for _ in range(4 * CONCURRENCY + 3)]
    for thread in threads:
        thread.start()
    until(lambda: len(statuses) == 3)
    assert statuses == [503] * 3
    assert value("model_requests_in_flight") == 4 * CONCURRENCY
    assert value("model_concurrency_limit") == CONCURRENCY
    gate.set()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 4 * CONCURRENCY + [503] * 3
    assert value("model_predictions_total", outcome="error") == 3
    assert value("model_requests_in_flight") == 0


def test_every_metric_is_in_the_contract_with_its_labels(client: TestClient, engine: Engine) -> None:
    predict(client, flight())
    predict(client, flight(), model="air-time")
    client.post(LABELS, json={"id": FLIGHT["id"], "actual": "late"})
    engine.rank(date(2013, 7, 2))
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    seen = set()
    for family in text_string_to_metric_families(answer.text):  # type: ignore[no-untyped-call]  # ships no types
        for sample in family.samples:
            metric = M.BY_SERIES[sample.name]
            assert set(sample.labels) - {"le"} == set(metric.labels)
            assert family.type == metric.type.value
            seen.add(metric.name)
    of_services = {metric.name for metric in M.CONTRACT if metric.emitter is M.Emitter.SERVICE}
    # No spec of the demo has a section `logging`.
    assert seen == of_services - {M.LOG_LINES.name}
    assert client.get("/metrics").headers["content-type"].startswith("text/plain")


def test_the_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "Flights demo" in page.text
    assert "://" not in page.text


def test_the_replays_progress_is_shown_with_the_services(client: TestClient) -> None:
    assert client.get("/progress").json()["simulated"] is None
    predict(client, flight())
    assert client.put("/progress", json={"state": "replaying", "speed": 600}).status_code == 204
    progress = client.get("/progress").json()
    assert progress["simulated"] == "2013-07-02T09:20-04:00"
    assert progress["replay"] == {"state": "replaying", "speed": 600}
    assert progress["trained"]["flight-delay"]["AUC"] > 0.8
    assert client.put("/progress", json=[1]).status_code == 422


def test_closing_the_service_closes_the_logs(
    engine: Engine, registry: CollectorRegistry, loaded: Loaded, logs: Any
) -> None:
    with TestClient(Service(engine, registry, lambda: loaded).app()):
        assert not any(log.closed for log in logs.values())
    assert all(log.closed for log in logs.values())
