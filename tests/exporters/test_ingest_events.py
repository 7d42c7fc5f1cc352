"""What KServe's logger sends: requests and answers as separate events, of both protocols, in all three modes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
import specs

from modelwatch.exporters.ingest.kserve import response_rows
from modelwatch.exporters.ingest.pairing import Half, Key, Pairing
from modelwatch.exporters.ingest.table import MalformedError
from modelwatch.exporters.server import create_app
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.model import types as t

REQUEST, RESPONSE = "org.kubeflow.serving.inference.request", "org.kubeflow.serving.inference.response"
EVENTS, PREDICTIONS = "/v1/cloudevents", f"/v1/models/{specs.NAME}/predictions"
V1 = {"instances": [[7, 900.5, "UA"], [9, 1200, "AA"]]}
V1_ANSWER = {"predictions": ["late", "on_time"]}


@pytest.fixture
def sidecar(reference: Path) -> Sidecar:
    found = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(reference)))))
    found.load()
    return found


@pytest.fixture
def client(sidecar: Sidecar, serve_app: Callable[..., httpx2.Client]) -> httpx2.Client:
    return serve_app(sidecar)


def headers(kind: str, id: str = "1", **changes: str) -> dict[str, str]:
    """As KServe 0.15 sends them with github.com/cloudevents/sdk-go in binary mode."""
    found = {
        "ce-specversion": "1.0",
        "ce-id": id,
        "ce-type": kind,
        "ce-source": "http://localhost:9081/",
        "ce-time": "2023-11-14T22:13:20.435513493Z",
        "ce-inferenceservicename": specs.NAME,
        "ce-namespace": "prod",
        "ce-component": "predictor",
        "ce-endpoint": "default",
        "ce-metadata": "{}",
        "content-type": "application/json",
    }
    return {name: value for name, value in (found | changes).items() if value}


def send(client: httpx2.Client, kind: str, data: object, id: str = "1", **changes: str) -> httpx2.Response:
    return client.post(EVENTS, content=json.dumps(data), headers=headers(kind, id, **changes))


def counted(sidecar: Sidecar) -> tuple[int, int]:
    (snapshot,) = sidecar.snapshots()
    return snapshot.tally.accepted, snapshot.tally.rejected


def values(client: httpx2.Client) -> dict[str, float]:
    """``model_feature_values_total`` above 0 by feature and bin."""
    found = {}
    for line in client.get("/metrics").text.splitlines():
        if line.startswith("model_feature_values_total{") and not line.endswith(" 0.0"):
            name, _, value = line.rpartition(" ")
            labels = dict(part.split("=", 1) for part in name[name.index("{") + 1 : -1].split('",'))
            found[f"{labels['feature'].strip(chr(34))} {labels['bin'].strip(chr(34))}"] = float(value)
    return found


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["request first", "answer first"])
def test_a_request_and_its_answer_are_one_row_each_in_any_order(
    client: httpx2.Client, sidecar: Sidecar, order: tuple[int, int]
) -> None:
    events = [(REQUEST, V1), (RESPONSE, V1_ANSWER)]
    first = send(client, *events[order[0]])
    assert (first.status_code, first.json()) == (202, {"accepted": 0, "rejected": 0, "errors": []})
    assert counted(sidecar) == (0, 0)
    second = send(client, *events[order[1]])
    assert (second.status_code, second.json()) == (200, {"accepted": 2, "rejected": 0, "errors": []})
    assert counted(sidecar) == (2, 0)
    found = values(client)
    assert found["carrier UA"] == found["carrier AA"] == 1
    assert found["prediction late"] == found["prediction on_time"] == 1
    assert not [name for name in found if name.endswith("missing")]


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (
            {
                "instances": [
                    {"hour": 7, "distance": 900.5, "carrier": "UA"},
                    {"carrier": ["AA"], "hour": [9], "distance": [1200]},
                ]
            },
            V1_ANSWER,
        ),
        (V1, {"predictions": [[0.2, 0.8], [0.9, 0.1]]}),
        (V1, {"predictions": [{"label": "late", "score": 0.8}, {"prediction": "on_time", "confidence": 0.9}]}),
        (V1, {"predictions": [["late"], ["on_time"]]}),
        (
            {
                "inputs": [
                    {"name": "input-0", "shape": [2, 3], "datatype": "BYTES", "data": [7, 900.5, "UA", 9, 1200, "AA"]}
                ]
            },
            {
                "model_name": "x",
                "id": "1",
                "outputs": [{"name": "out", "shape": [2], "datatype": "BYTES", "data": ["late", "on_time"]}],
            },
        ),
        (
            {
                "id": "1",
                "inputs": [
                    {
                        "name": "input-0",
                        "shape": [2, 3],
                        "datatype": "BYTES",
                        "data": [[7, 900.5, "UA"], [9, 1200, "AA"]],
                    }
                ],
            },
            {"outputs": [{"name": "predict_proba", "shape": [2, 2], "datatype": "FP64", "data": [0.2, 0.8, 0.9, 0.1]}]},
        ),
        (
            {
                "parameters": {"content_type": "pd"},
                "inputs": [
                    {"name": "carrier", "shape": [2, 1], "datatype": "BYTES", "data": ["UA", "AA"]},
                    {"name": "hour", "shape": [2], "datatype": "INT64", "data": [7, 9]},
                    {"name": "distance", "shape": [2, 1], "datatype": "FP32", "data": [[900.5], [1200]]},
                ],
            },
            {
                "outputs": [
                    {"name": "confidence", "shape": [2, 1], "datatype": "FP64", "data": [0.8, 0.9]},
                    {"name": "predict", "shape": [2, 1], "datatype": "BYTES", "data": ["late", "on_time"]},
                ]
            },
        ),
    ],
    ids=["objects", "probabilities", "labels and scores", "arrays of one", "v2 flat", "v2 nested", "v2 named columns"],
)
def test_payloads_of_both_protocols_are_the_same_rows(client: httpx2.Client, request_: object, answer: object) -> None:
    assert send(client, REQUEST, request_).status_code == 202
    assert send(client, RESPONSE, answer).json() == {"accepted": 2, "rejected": 0, "errors": []}
    found = values(client)
    assert found["carrier UA"] == found["carrier AA"] == 1
    assert found["prediction late"] == found["prediction on_time"] == 1
    assert "hour missing" not in found
    assert "distance missing" not in found


def test_events_may_be_structured_or_batched_and_their_data_packed(client: httpx2.Client, sidecar: Sidecar) -> None:
    def event(kind: str, id: str, **data: object) -> dict[str, object]:
        return {
            "specversion": "1.0",
            "id": id,
            "type": kind,
            "source": "http://localhost:9081/",
            "inferenceservicename": specs.NAME,
            **data,
        }

    structured = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    first = client.post(EVENTS, content=json.dumps(event(REQUEST, "a", data=V1)), headers=structured)
    assert first.status_code == 202
    packed = base64.b64encode(json.dumps(V1_ANSWER).encode()).decode()
    second = client.post(EVENTS, content=json.dumps(event(RESPONSE, "a", data_base64=packed)), headers=structured)
    assert second.json()["accepted"] == 2
    batch = [
        event(REQUEST, "b", data=json.dumps(V1)),
        event(REQUEST, "c", data=V1),
        event(RESPONSE, "c", data=V1_ANSWER),
        event(RESPONSE, "b", data=V1_ANSWER),
    ]
    kind = {"Content-Type": "application/cloudevents-batch+json"}
    answer = client.post(EVENTS, content=json.dumps(batch), headers=kind)
    assert answer.json() == {"accepted": 4, "rejected": 0, "errors": []}
    assert counted(sidecar) == (6, 0)


def test_the_address_may_name_the_model_instead_of_the_event(client: httpx2.Client) -> None:
    other = headers(REQUEST, **{"ce-inferenceservicename": "renamed"})
    assert client.post(EVENTS, content=json.dumps(V1), headers=other).status_code == 404
    assert client.post(PREDICTIONS, content=json.dumps(V1), headers=other).status_code == 202
    answer = headers(RESPONSE, **{"ce-inferenceservicename": ""})
    assert client.post(PREDICTIONS, content=json.dumps(V1_ANSWER), headers=answer).json()["accepted"] == 2


def test_a_row_of_the_wrong_length_is_rejected_and_the_others_count(client: httpx2.Client) -> None:
    send(client, REQUEST, {"instances": [[7, 900.5], [9, 1200, "AA"], "x", [[[1]]]]})
    answer = send(client, RESPONSE, {"predictions": ["late"] * 4}).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 3)
    assert answer["errors"][0] == {"index": 0, "reason": "it has 2 values, and the spec 3 features"}
    assert [found["index"] for found in answer["errors"]] == [0, 2, 3]


def test_an_answer_to_another_number_of_rows_rejects_them_all(client: httpx2.Client) -> None:
    send(client, REQUEST, V1)
    answer = send(client, RESPONSE, {"predictions": ["late"]})
    assert answer.status_code == 422
    assert answer.json()["rejected"] == 2
    assert answer.json()["errors"][0]["reason"] == "the request has 2 rows and its answer 1"


@pytest.mark.parametrize(
    ("kind", "data", "changes", "reason"),
    [
        (REQUEST, 5, {}, "must be an object"),
        (REQUEST, {}, {}, "neither 'instances' nor 'inputs'"),
        (REQUEST, {"instances": 3}, {}, "'instances' must be an array"),
        (RESPONSE, {"predictions": {}}, {}, "'predictions' must be an array"),
        (RESPONSE, {"instances": []}, {}, "neither 'predictions' nor 'outputs'"),
        (REQUEST, {"inputs": []}, {}, "an array of tensors"),
        (REQUEST, {"inputs": [3]}, {}, "a tensor of 'inputs' must be an object"),
        (REQUEST, {"inputs": [{"name": "x", "shape": [2], "data": 3}]}, {}, "must have an array as its data"),
        (
            REQUEST,
            {"inputs": [{"name": "x", "shape": [2, 3], "data": [1]}]},
            {},
            "has 1 values, and its shape is for 6",
        ),
        (REQUEST, {"inputs": [{"name": "x", "shape": [5, 0], "data": []}]}, {}, "must have a shape"),
        (REQUEST, {"inputs": [{"name": "x", "shape": [-1], "data": []}]}, {}, "must have a shape"),
        (
            REQUEST,
            {"inputs": [{"name": "a", "shape": [1], "data": [1]}, {"name": "b", "shape": [2], "data": [1, 2]}]},
            {},
            "differ in their first dimension: 1, 2",
        ),
        (REQUEST, V1, {"ce-type": "com.example.else"}, "the event's type is 'com.example.else'"),
        (REQUEST, V1, {"ce-type": ""}, "no attribute 'type'"),
        (REQUEST, V1, {"ce-id": ""}, "no attribute 'id'"),
        (REQUEST, V1, {"ce-inferenceservicename": ""}, "no attribute 'inferenceservicename'"),
    ],
)
def test_an_event_that_cannot_be_read_is_400_and_is_not_kept(
    client: httpx2.Client, kind: str, data: object, changes: dict[str, str], reason: str
) -> None:
    answer = send(client, kind, data, **changes)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_requests_that_wait_at_the_end_are_counted_without_a_prediction(reference: Path) -> None:

    from starlette.testclient import TestClient

    found = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(reference)))))
    found.load()
    with TestClient(create_app(found)) as inside:
        assert inside.post(EVENTS, json=V1, headers=headers(REQUEST)).status_code == 202
        assert inside.post(EVENTS, json=V1_ANSWER, headers=headers(RESPONSE, "2")).status_code == 202
        assert counted(found) == (0, 0)
    assert counted(found) == (2, 2)


# --- waiting ---

KEY = Key("m", "predictor", "default", "1")


def _pairs(found: list[object]) -> list[tuple[str, bool, bool]]:
    return [(pair.key.id, pair.request is not None, pair.response is not None) for pair in found]  # type: ignore[attr-defined]


def test_what_waits_too_long_goes_on_alone(clock) -> None:  # type: ignore[no-untyped-def]
    pairing = Pairing(clock.monotonic, seconds=60)
    assert pairing.add(KEY, Half(b"a", True)) == []
    clock.pass_(59)
    assert pairing.add(KEY._replace(id="2"), Half(b"b", False)) == []
    clock.pass_(2)
    assert _pairs(pairing.overdue()) == [("1", True, False)]
    assert _pairs(pairing.add(KEY._replace(id="2"), Half(b"c", True))) == [("2", True, True)]
    assert len(pairing) == 0


def test_what_waits_is_bounded_in_number_and_bytes(clock) -> None:  # type: ignore[no-untyped-def]
    few = Pairing(clock.monotonic, most=10)
    gone = [pair for number in range(25) for pair in few.add(KEY._replace(id=str(number)), Half(b"", True))]
    assert (len(few), [pair.key.id for pair in gone]) == (10, [str(number) for number in range(15)])
    small = Pairing(clock.monotonic, size=50_000)
    for number in range(100):
        small.add(KEY._replace(id=str(number)), Half(b"x" * 9000, True))
    assert len(small) == 5
    assert _pairs(small.add(KEY._replace(id="large"), Half(b"x" * 60_000, True)))[-1] == ("large", True, False)
    assert len(small) == 0


def test_the_same_event_twice_replaces_the_first(clock) -> None:  # type: ignore[no-untyped-def]
    pairing = Pairing(clock.monotonic)
    pairing.add(KEY, Half(b"first", True))
    assert _pairs(pairing.add(KEY, Half(b"second", True))) == [("1", True, False)]
    (pair,) = pairing.add(KEY, Half(b"answer", False))
    assert pair.request is not None
    assert pair.request.data == b"second"


def test_events_of_other_components_or_models_are_not_brought_together(clock) -> None:  # type: ignore[no-untyped-def]
    pairing = Pairing(clock.monotonic)
    pairing.add(KEY, Half(b"", True))
    for other in (KEY._replace(model="n"), KEY._replace(component="transformer"), KEY._replace(endpoint="canary")):
        assert pairing.add(other, Half(b"", False)) == []
    assert len(pairing.all()) == 4
    assert len(pairing) == 0


def test_a_shape_of_more_digits_than_python_writes_is_refused_like_any_other() -> None:
    payload = {"outputs": [{"name": "x", "shape": [7, *[10**400] * 12], "datatype": "FP32", "data": [1.0]}]}
    with pytest.raises(MalformedError, match="has 1 values, and its shape is for far more"):
        response_rows(payload, ())
