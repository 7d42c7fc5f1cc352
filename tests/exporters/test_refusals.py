"""A request that is refused as a whole leaves a number and a line in the log, so that missing rows have a reason."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
import specs

from modelwatch.exporters import connections, sidecar
from modelwatch.exporters.access import TokenFile
from modelwatch.exporters.intake import Limits
from modelwatch.exporters.monitor import NotKeptError
from modelwatch.exporters.refusals import REASONS, About, Refusals

Serve = Callable[..., httpx2.Client]
PATH = f"/v1/models/{specs.NAME}/predictions"
GOOD = {"rows": [{"features": {"hour": 7}}]}


@pytest.fixture
def watched() -> sidecar.Sidecar:
    found = sidecar.Sidecar(specs.fleet(specs.model()))
    found.load()
    return found


def counts(client: httpx2.Client, headers: dict[str, str] | None = None) -> dict[tuple[str, str], float]:
    """What was refused so far, by model and reason, without the zeros."""
    text = client.get("/metrics", headers=headers).text
    found = re.findall(r'^modelwatch_exporter_refused_requests_total{model="(.*)",reason="(.*)"} (.*)$', text, re.M)
    return {(model, reason): float(value) for model, reason, value in found if float(value)}


def test_every_reason_is_a_series_from_the_start_with_and_without_a_model(
    watched: sidecar.Sidecar, serve_app: Serve
) -> None:
    text = serve_app(watched).get("/metrics").text
    for model in ("", specs.NAME):
        for reason in REASONS:
            line = f'modelwatch_exporter_refused_requests_total{{model="{model}",reason="{reason}"}} 0.0'
            assert line in text.splitlines()


@pytest.mark.parametrize(
    ("status", "reason", "sent"),
    [
        (400, "not_readable", {"content": b"{"}),
        (413, "too_large", {"content": b" " * 5000}),
        (415, "content_type", {"content": b"<a/>", "headers": {"Content-Type": "application/xml"}}),
        (415, "compressed", {"content": b"{}", "headers": {"Content-Encoding": "gzip"}}),
        (422, "no_rows", {"json": {"rows": []}}),
    ],
)
def test_a_refused_body_counts_by_its_reason(
    watched: sidecar.Sidecar, serve_app: Serve, status: int, reason: str, sent: dict[str, object]
) -> None:
    client = serve_app(watched, Limits(body_bytes=4096))
    assert client.post(PATH, **sent).status_code == status  # type: ignore[arg-type]  # as httpx takes them
    assert counts(client) == {(specs.NAME, reason): 1}


def test_what_is_taken_and_rows_that_are_rejected_are_no_refused_requests(
    watched: sidecar.Sidecar, serve_app: Serve
) -> None:
    client = serve_app(watched)
    assert client.post(PATH, json=GOOD).status_code == 200
    assert client.post(PATH, json={"rows": [{"features": {"hour": "x"}}]}).status_code == 422
    assert client.get("/nowhere").status_code == 404
    assert counts(client) == {}


def test_a_missing_token_counts_for_the_model_of_the_path(
    watched: sidecar.Sidecar, serve_app: Serve, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("one\n")
    client = serve_app(watched, tokens=TokenFile(tmp_path / "token"), protect_metrics=True)
    assert client.post(PATH, json=GOOD).status_code == 401
    assert client.get("/metrics").status_code == 401  # who looks brings no rows
    assert counts(client, {"Authorization": "Bearer one"}) == {(specs.NAME, "token"): 1}


def test_models_that_no_spec_has_make_no_series_of_their_own(watched: sidecar.Sidecar, serve_app: Serve) -> None:
    client = serve_app(watched)
    for number in range(3):
        assert client.post(f"/v1/models/m{number}/predictions", json=GOOD).status_code == 404
    assert client.post("/v1/predictions", json=GOOD).status_code == 404
    assert client.post("/metrics", json=GOOD).status_code == 405
    assert counts(client) == {("", "unknown_model"): 3, ("", "unknown_path"): 2}
    assert client.get("/v1/models").json()["refused_requests"] == {"unknown_model": 3, "unknown_path": 2}


def test_who_misses_the_path_is_told_where_rows_are_taken(watched: sidecar.Sidecar, serve_app: Serve) -> None:
    answer = serve_app(watched).post(f"/v1/models/{specs.NAME}/prediction", json=GOOD)
    assert answer.status_code == 404
    assert "Not Found; rows are taken at /v1/models/MODEL/predictions" in answer.json()["error"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_rows_that_come_by_another_method_count_and_are_told_the_right_one(
    watched: sidecar.Sidecar, serve_app: Serve, method: str
) -> None:
    client = serve_app(watched)
    for path in (PATH, "/v1/cloudevents"):
        answer = client.request(method, path, json=GOOD)
        assert answer.status_code == 405
        assert answer.json() == {"error": f"{method} {path}: Method Not Allowed; rows are sent with POST"}
    missed = client.request(method, "/v1/predictions", json=GOOD)
    assert "Not Found; rows are taken at /v1/models/MODEL/predictions" in missed.json()["error"]
    assert client.get(PATH).status_code == 405, "who looks brings no rows"
    assert counts(client) == {(specs.NAME, "unknown_path"): 1, ("", "unknown_path"): 2}


@pytest.mark.parametrize("slashes", ["/", "//"])
def test_a_slash_at_the_end_of_a_path_changes_nothing(watched: sidecar.Sidecar, serve_app: Serve, slashes: str) -> None:
    client = serve_app(watched)
    assert client.post(PATH + slashes, json=GOOD).json() == {"accepted": 1, "rejected": 0, "errors": []}
    event = {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-type": "org.kubeflow.serving.inference.request",
        "ce-inferenceservicename": specs.NAME,
    }
    assert client.post(f"/v1/cloudevents{slashes}", json={"instances": [{"hour": 7}]}, headers=event).status_code == 202
    for path in ("/metrics", "/v1/models", f"/v1/models/{specs.NAME}", "/healthz", "/readyz", "/openapi.json"):
        assert client.get(path + slashes).status_code == 200
    assert client.get(f"/nowhere{slashes}").status_code == 404
    assert client.post(f"/v1/models/nobody/predictions{slashes}", json=GOOD).status_code == 404
    assert client.post(f"/v1/predictions{slashes}", json=GOOD).status_code == 404
    assert client.post(slashes, json=GOOD).status_code == 404
    assert counts(client) == {("", "unknown_model"): 1, ("", "unknown_path"): 2}


def test_an_event_counts_for_the_model_that_it_names(serve_app: Serve) -> None:
    client = serve_app(sidecar.Sidecar(specs.fleet(specs.model())))  # never loaded
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-type": "org.kubeflow.serving.inference.request",
        "ce-inferenceservicename": specs.NAME,
    }
    answer = {**headers, "ce-type": "org.kubeflow.serving.inference.response"}
    client.post("/v1/cloudevents", json={"instances": [{"hour": 7}]}, headers=headers)
    assert client.post("/v1/cloudevents", json={"predictions": ["late"]}, headers=answer).status_code == 429
    assert client.post("/v1/cloudevents", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert counts(client) == {(specs.NAME, "loading"): 1, ("", "not_readable"): 1}
    told = client.get("/v1/models").json()
    assert told["models"] == [{"name": specs.NAME, "status": "loading", "refused_requests": {"loading": 1}}]
    assert told["refused_requests"] == {"not_readable": 1}


def test_a_body_that_does_not_come_and_one_that_breaks_off_count(
    watched: sidecar.Sidecar, serve_app: Serve, wait: Callable[..., None]
) -> None:
    client = serve_app(watched, Limits(body_seconds=0.2))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{{".encode()
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as slow:
        slow.sendall(head)
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as broken:
        broken.sendall(head)
    wait(lambda: counts(client) == {(specs.NAME, "too_slow"): 1, (specs.NAME, "disconnected"): 1})


def test_rows_that_cannot_be_kept_count_as_such(
    watched: sidecar.Sidecar, serve_app: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise NotKeptError("the disk is full")

    monkeypatch.setattr(watched, "ingest", full)
    client = serve_app(watched)
    assert client.post(PATH, json=GOOD).status_code == 429
    assert counts(client) == {(specs.NAME, "not_kept"): 1}


def test_a_connection_too_many_counts_without_a_model(
    watched: sidecar.Sidecar, serve_app: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve_app(watched)
    assert counts(client) == {}  # this connection is open from now on
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 1)
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as second:
        assert second.recv(100).startswith(b"HTTP/1.1 429")
    assert counts(client) == {("", "full"): 1}


def test_the_log_says_who_sent_how_much_for_which_model_and_not_what(
    watched: sidecar.Sidecar, serve_app: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve_app(watched)
    client.post(PATH, content=b'{"rows": "passenger@example.org"}', headers={"Authorization": "Bearer secret"})
    assert caplog.messages == [
        'a request for "flight-delay" of 33 bytes from 127.0.0.1 was refused with 400: '
        "its body cannot be read (not_readable)"
    ]


def test_the_log_tells_the_same_refusal_ever_less_often(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    for number in range(1000):
        refusals.add("unknown_model", About(404, f"m{number}", 10, "::1"), ())
    assert len(caplog.records) == 10
    assert caplog.messages[-1].endswith("(unknown_model); 512 such ones by now")
    refusals.add("token", About(401, "m", 10, "::1"), ("m",))
    assert len(caplog.records) == 11, "another reason is news"


def test_what_a_sender_calls_its_model_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    Refusals().add("unknown_model", About(404, "a\n2026-01-01 ERROR b" + "x" * 500), ())
    [line] = caplog.messages
    assert "\n" not in line
    assert len(line) < 250
