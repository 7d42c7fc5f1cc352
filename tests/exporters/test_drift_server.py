"""The sidecar over HTTP, with a real server: what it answers to rows, and to whatever else comes in."""

from __future__ import annotations

import http.client
import json
import socket
import string
import threading
from pathlib import Path

import httpx2
import jsonschema
import pytest
import specs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.intake import Limits
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.model import types as t

PATH = f"/v1/models/{specs.NAME}/predictions"
GOOD = {"features": {"hour": 7, "distance": 900.5, "carrier": "UA"}, "prediction": "late", "confidence": 0.9}


@pytest.fixture
def sidecar(reference: Path) -> Sidecar:
    watched = specs.model(baseline=t.Baseline(data=str(reference)))
    found = Sidecar(specs.fleet(watched, specs.model("bare")))
    found.load()
    return found


@pytest.fixture
def client(sidecar: Sidecar, serve_app) -> httpx2.Client:  # type: ignore[no-untyped-def]
    return serve_app(sidecar)


@pytest.fixture(scope="module")
def lasting(reference: Path, serve_app) -> httpx2.Client:  # type: ignore[no-untyped-def]
    """One server for all the examples of a property."""
    found = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(reference))), specs.model("bare")))
    found.load()
    return serve_app(found)


def _valid(client: httpx2.Client, answer: httpx2.Response, path: str, method: str) -> None:
    """The answer is one that /openapi.json describes."""
    description = client.get("/openapi.json").json()
    responses = description["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, f"{answer.status_code} is not described for {path}"
    schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": description["components"]})


def test_rows_and_columns_are_accepted_alike(client: httpx2.Client) -> None:
    rows = client.post(PATH, json={"rows": [{"id": "a", "timestamp": 1700000000.5, **GOOD}, GOOD]})
    assert (rows.status_code, rows.json()) == (200, {"accepted": 2, "rejected": 0, "errors": []})
    columns = {"features": {"hour": [7, None], "carrier": ["UA", "AA"]}, "prediction": ["late", None], "id": [1, 2]}
    answer = client.post(PATH, json={"columns": columns})
    assert (answer.status_code, answer.json()) == (200, {"accepted": 2, "rejected": 0, "errors": []})
    assert 'modelwatch_exporter_rows_total{model="flight-delay",outcome="accepted"} 4.0' in client.get("/metrics").text


def test_a_batch_with_some_good_rows_is_taken_and_names_the_others(client: httpx2.Client) -> None:
    answer = client.post(PATH, json={"rows": [{"features": {"hour": "7"}}, GOOD, 5]})
    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 1,
        "rejected": 2,
        "errors": [
            {"index": 0, "reason": "'hour' must be a number, found the text \"7\""},
            {"index": 2, "reason": "a row must be an object, found the number 5"},
        ],
    }
    _valid(client, answer, "/v1/models/{model}/predictions", "post")


def test_without_a_good_row_the_status_is_422(client: httpx2.Client) -> None:
    for rows in ([], [{"features": {"hour": True}}]):
        answer = client.post(PATH, json={"rows": rows})
        assert answer.status_code == 422
        assert (answer.json()["accepted"], answer.json()["rejected"]) == (0, len(rows))
        assert answer.json()["errors"][0]["reason"]
        _valid(client, answer, "/v1/models/{model}/predictions", "post")


def test_an_answer_names_a_hundred_rejected_rows_at_most(client: httpx2.Client) -> None:
    answer = client.post(PATH, json={"rows": [None] * 1000 + [GOOD]}).json()
    assert (answer["accepted"], answer["rejected"], len(answer["errors"])) == (1, 1000, 100)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is empty; send {"),
        (b" \r\n", "the body is empty; send {"),
        (b"{", "no JSON"),
        (b"NaN", "must be an object"),
        (b"{NaN", "no JSON"),
        (b"[]", "must be an object, found an array"),
        (b"{}", "neither 'rows' nor 'columns'"),
        (b'{"rows": [], "columns": {}}', "both 'rows' and 'columns'"),
        (b'{"rows": {}}', "'rows' must be an array"),
        (b'{"columns": []}', "'columns' must be an object"),
        (b'{"columns": {"features": []}}', "'columns.features' must be an object"),
        (b'{"columns": {"features": {"hour": 3}}}', "'columns.features.hour' must be an array"),
        (b'{"columns": {"features": {"hour": [1]}, "prediction": [1, 2]}}', "has 1 values, 'columns.prediction' has 2"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"rows": [NaN' + b"[" * 100_000, "no JSON"),
        (b'{"columns": {"features": {"\\ud800": [NaN], "x": []}}}', "differ in length"),
    ],
)
def test_a_body_that_cannot_be_read_is_400_and_says_why(client: httpx2.Client, body: bytes, reason: str) -> None:
    answer = client.post(PATH, content=body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    _valid(client, answer, "/v1/models/{model}/predictions", "post")


def test_nan_as_python_writes_it_counts_as_missing(client: httpx2.Client) -> None:
    body = json.dumps({"rows": [{"features": {"hour": float("nan"), "distance": float("inf")}}]})
    assert client.post(PATH, content=body).json()["accepted"] == 1
    text = client.get("/metrics").text
    for feature in ("hour", "distance"):
        assert f'model_feature_values_total{{bin="missing",feature="{feature}",model="flight-delay"}} 1.0' in text


def test_an_unknown_model_is_404_and_the_known_ones_are_named(client: httpx2.Client) -> None:
    answer = client.post("/v1/models/flightdelay/predictions", json={"rows": [GOOD]})
    assert answer.status_code == 404
    assert answer.json()["error"] == 'there is no model "flightdelay"; the models are bare, flight-delay'
    _valid(client, answer, "/v1/models/{model}/predictions", "post")
    assert client.get("/v1/models/nobody").status_code == 404


def test_other_paths_and_methods_are_refused_in_json(client: httpx2.Client) -> None:
    assert client.get(PATH).status_code == 405
    assert client.post("/metrics").status_code == 405
    answer = client.get("/nowhere")
    assert (answer.status_code, answer.json()) == (404, {"error": "GET /nowhere: Not Found"})


def test_a_body_beyond_the_limit_is_413_whether_or_not_it_says_its_length(sidecar: Sidecar, serve_app) -> None:  # type: ignore[no-untyped-def]
    client = serve_app(sidecar, Limits(body_bytes=1000))
    large = json.dumps({"rows": [GOOD] * 1000}).encode()
    declared = client.post(PATH, content=large)
    streamed = client.post(PATH, content=(large[i : i + 700] for i in range(0, len(large), 700)))
    for answer in (declared, streamed):
        assert answer.status_code == 413
        assert answer.json() == {"error": "the body is larger than 1000 bytes: send fewer rows at once"}
    _valid(client, declared, "/v1/models/{model}/predictions", "post")
    assert client.post(PATH, json={"rows": [GOOD]}).status_code == 200


def test_more_rows_than_are_looked_at_in_one_go_are_413(client: httpx2.Client) -> None:
    for body in (b'{"rows": [' + b"0," * 100_000 + b"0]}", b'{"columns": {"prediction": [' + b"0," * 100_000 + b"0]}}"):
        answer = client.post(PATH, content=body)
        assert answer.status_code == 413
        assert answer.json() == {"error": "100001 rows are more than 100000 at once: send fewer rows at once"}


def test_more_than_fits_into_memory_is_429_and_taken_again_later(sidecar: Sidecar, serve_app) -> None:  # type: ignore[no-untyped-def]
    client = serve_app(sidecar, Limits(pending_bytes=2000))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n".encode()
    with socket.create_connection((client.base_url.host, client.base_url.port)) as slow:
        slow.sendall(head + b" " * 1900)
        answer = client.post(PATH, json={"rows": [GOOD]})
        while answer.status_code == 200:  # the slow sender's bytes have not all been read yet
            answer = client.post(PATH, json={"rows": [GOOD]})
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "1"
        _valid(client, answer, "/v1/models/{model}/predictions", "post")
    while answer.status_code == 429:
        answer = client.post(PATH, json={"rows": [GOOD]})
    assert answer.status_code == 200


def test_a_body_that_never_ends_is_408(sidecar: Sidecar, serve_app) -> None:  # type: ignore[no-untyped-def]
    client = serve_app(sidecar, Limits(body_seconds=0.2))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n".encode()
    with socket.create_connection((client.base_url.host, client.base_url.port)) as slow:
        slow.settimeout(30)
        slow.sendall(head + b" " * 10)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_sender_that_hangs_up_does_no_harm(client: httpx2.Client) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n".encode()
    for _ in range(20):
        with socket.create_connection((client.base_url.host, client.base_url.port)) as gone:
            gone.sendall(head + b"{")
    assert client.post(PATH, json={"rows": [GOOD]}).status_code == 200


def test_a_compressed_body_is_415(client: httpx2.Client) -> None:
    answer = client.post(PATH, content=b"x", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
    _valid(client, answer, "/v1/models/{model}/predictions", "post")


def test_while_profiles_load_rows_are_429_and_the_sidecar_is_not_ready(reference: Path, serve_app) -> None:  # type: ignore[no-untyped-def]
    lost = specs.model("lost", baseline=t.Baseline(data="nowhere.parquet"))
    sidecar = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(reference))), lost))
    client = serve_app(sidecar)
    waiting = client.get("/readyz")
    assert (waiting.status_code, waiting.json()["loading"]) == (503, [specs.NAME, "lost"])
    early = client.post(PATH, json={"rows": [GOOD]})
    assert (early.status_code, early.headers["Retry-After"]) == (429, "1")
    told = {"name": specs.NAME, "status": "loading", "refused_requests": {"loading": 1}}
    assert client.get("/v1/models").json()["models"][0] == told
    assert client.get("/metrics").status_code == 200
    assert client.get("/healthz").json() == {"status": "ok"}
    sidecar.load()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["loading"] == []
    assert "nowhere.parquet: cannot be read" in answer.json()["missing"]["lost"]
    _valid(client, answer, "/readyz", "get")
    assert client.post(PATH, json={"rows": [GOOD]}).status_code == 200


def test_a_model_without_a_baseline_counts_rows_and_says_that_it_is_inactive(client: httpx2.Client) -> None:
    assert client.get("/readyz").json() == {"ready": True, "loading": [], "missing": {}, "warming": True}
    assert client.post("/v1/models/bare/predictions", json={"rows": [GOOD] * 3}).json()["accepted"] == 3
    bare = client.get("/v1/models/bare").json()
    assert bare["status"] == "inactive"
    assert bare["reference"] is None
    assert bare["rows"] == {"accepted": 3, "rejected": 0}
    assert "baseline.data" in bare["features"][0]["windows"][0]["inactive"]
    text = client.get("/metrics").text
    assert 'model_drift_samples{feature="hour",model="bare",window="15m"} 3.0' in text
    assert 'model_feature_missing_ratio{feature="hour",model="bare",window="15m"} 0.0' in text
    assert not [
        line for line in text.splitlines() if 'model="bare"' in line and line.startswith("model_drift_detected")
    ]


def test_the_list_of_models_tells_scores_samples_and_why_there_is_none(client: httpx2.Client, sidecar: Sidecar) -> None:
    client.post(PATH, json={"rows": specs.rows(1, 120)})
    (hour,) = [f for f in client.get(f"/v1/models/{specs.NAME}").json()["features"] if f["name"] == "hour"]
    assert hour["windows"][0]["inactive"] == "needs 500 rows, has 120"
    assert hour["windows"][0]["score"] is None
    assert client.get(f"/v1/models/{specs.NAME}").json()["status"] == "collecting"
    sidecar.ingest(specs.NAME, rows_table(specs.rows(2, 1000)))
    assert client.get(f"/v1/models/{specs.NAME}").json()["status"] == "ok"
    sidecar.ingest(specs.NAME, rows_table(specs.rows(3, 5000, shift=2)))
    answer = client.get(f"/v1/models/{specs.NAME}")
    assert answer.json()["status"] == "drift"
    assert 0 < answer.json()["features"][1]["windows"][0]["score"] <= 1
    _valid(client, answer, "/v1/models/{model}", "get")
    _valid(client, client.get("/v1/models"), "/v1/models", "get")


def test_the_description_names_every_path_and_method_and_no_other(client: httpx2.Client) -> None:
    from modelwatch.exporters.server import create_app

    description = client.get("/openapi.json").json()
    served = {
        (route.path, method.lower())  # type: ignore[attr-defined]
        for route in create_app(Sidecar(specs.fleet())).routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }
    assert served == {(path, method) for path, methods in description["paths"].items() for method in methods}
    for name, schema in description["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert f"#/components/schemas/{name}" in json.dumps(description), f"nothing uses {name}"


def test_many_senders_at_once_are_all_counted(client: httpx2.Client) -> None:
    def send() -> None:
        for _ in range(20):
            assert client.post(PATH, json={"rows": [GOOD] * 7}).status_code == 200

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get(f"/v1/models/{specs.NAME}").json()["rows"]["accepted"] == 8 * 20 * 7


# --- whatever comes in ---

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)
names = st.sampled_from(
    ["hour", "distance", "carrier", "else", "id", "timestamp", "features", "prediction", "confidence"]
)
almost_rows = st.lists(
    st.dictionaries(names, json_values | st.dictionaries(names, json_values, max_size=4), max_size=5) | json_values,
    max_size=5,
)
almost_columns = st.dictionaries(
    names,
    st.dictionaries(names, st.lists(json_values, max_size=3), max_size=3) | st.lists(json_values, max_size=3),
    max_size=4,
)
bodies = st.one_of(
    st.binary(max_size=60),
    json_values.map(json.dumps).map(str.encode),
    almost_rows.map(lambda rows: json.dumps({"rows": rows}).encode()),
    almost_columns.map(lambda columns: json.dumps({"columns": columns}).encode()),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400, deadline=None)
@given(bodies)
def test_no_body_is_ever_answered_with_500(lasting: httpx2.Client, body: bytes) -> None:
    answer = lasting.post(PATH, content=body)
    assert answer.status_code in (200, 400, 422)
    found = answer.json()
    if answer.status_code == 400:
        assert found["error"]
    else:
        assert (found["accepted"] > 0) == (answer.status_code == 200)
        # Without any row there is one reason all the same.
        assert len(found["errors"]) == (found["rejected"] or (not found["accepted"]))
        assert all(error["reason"] for error in found["errors"])
    assert lasting.get("/metrics").status_code == 200


printable = st.text(string.ascii_letters + string.digits + "/%-_.~;,=*: \"'", max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(printable, printable, st.sampled_from(["GET", "POST", "PUT", "HEAD", "DELETE"]))
def test_no_path_or_header_is_ever_answered_with_500(
    lasting: httpx2.Client, path: str, header: str, method: str
) -> None:
    # httpx2 would not send such paths.
    connection = http.client.HTTPConnection(lasting.base_url.host, lasting.base_url.port, timeout=30)
    words, path = header.strip(), path.replace(" ", "%20")
    for target in (f"/{path}", f"/v1/models/{path}/predictions", "/metrics", PATH):
        headers = {"Accept": words, "Content-Type": words, "Content-Encoding": words}
        connection.request(method, target, b"{}", headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status < 500
    connection.close()


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=abc",
        "application/openmetrics-text; version=1.0.0; escaping=nothing",
        "text/plain; version=x; escaping=y",
        "application/openmetrics-text; version=",
        "application/openmetrics-text;version",
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.1",
    ],
)
def test_an_odd_accept_header_still_gets_metrics(lasting: httpx2.Client, accept: str) -> None:
    answer = lasting.get("/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    assert "model_drift_threshold" in answer.text


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; Version=1.0.0; Q=0.2", True),
        # What Prometheus 3 sends.
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
            "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            True,
        ),
        ("text/plain;version=0.0.4;q=1, application/openmetrics-text;version=1.0.0;q=0.1", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.000, */*;q=0.1", False),
        ("application/openmetrics-text;q=0.5, */*;q=0.8", False),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.3, */*;q=0.8", True),
        ("text/plain, application/openmetrics-text", True),
        ("application/openmetrics-text;q=nan, text/plain;q=0.9", True),
        ("application/openmetrics-text;q=", True),
    ],
)
def test_metrics_come_in_the_format_that_weighs_more(lasting: httpx2.Client, accept: str, openmetrics: bool) -> None:
    answer = lasting.get("/metrics", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text" if openmetrics else "text/plain")
    assert answer.text.endswith("# EOF\n") == openmetrics


def test_columns_that_are_not_in_features_are_told(client: httpx2.Client) -> None:
    answer = client.post(PATH, json={"columns": {"hour": [1, 2]}})
    assert answer.status_code == 400
    assert "'columns' has no 'features', found \"hour\"" in answer.json()["error"]


def test_a_line_that_is_wrong_is_named_as_it_was_sent(serve_app) -> None:  # type: ignore[no-untyped-def]
    """By its number from 0, blank lines counted, whether it is no JSON or a wrong row."""
    sidecar = Sidecar(specs.fleet(specs.model()))
    sidecar.load()
    client = serve_app(sidecar)
    good = json.dumps({"features": {"hour": 1}})
    lines = ["", good, "  ", "{", "", good, json.dumps({"features": {"hour": "one"}}), ""]
    answer = client.post(
        f"/v1/models/{specs.NAME}/predictions",
        content="\r\n".join(lines).encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (2, 2)
    assert [error["index"] for error in told["errors"]] == [3, 6]
    assert told["errors"][0]["reason"].startswith("the line is no JSON: ")
    assert "line 1" not in told["errors"][0]["reason"]
    straight = client.post(
        f"/v1/models/{specs.NAME}/predictions",
        content=f"{good}\n{{\n".encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert [error["index"] for error in straight.json()["errors"]] == [1]
