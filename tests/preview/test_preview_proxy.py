"""What the preview passes on to Prometheus, what it refuses, and failures in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.compose.preview import upstream
from modelwatch.compose.preview.prometheus import allows

if TYPE_CHECKING:
    from starlette.testclient import TestClient

Handler = Callable[[httpx2.Request], httpx2.Response]


def answer(data: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"status": "success", "data": data})


def test_only_reading_endpoints_are_passed_on(open_client: Callable[..., TestClient]) -> None:
    """Deleting, reloading, configuration and everything else is refused without asking Prometheus."""
    asked: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(f"{request.method} {request.url.path}")
        return answer([])

    client = open_client(handler)
    base = "/prometheus/api/v1"
    refused = [
        "admin/tsdb/delete_series",
        "status/config",
        "targets",
        "rules",
        "write",
        "format_query",
        "label/a/b/values",
    ]
    refused += ["../../-/quit", "query/../admin/tsdb/snapshot", "label/..%2fx/values", "series/", ""]
    for path in refused:
        for method in ("GET", "POST"):
            assert client.request(method, f"{base}/{path}").status_code in (403, 404), path
    for method in ("DELETE", "PUT", "PATCH"):
        assert client.request(method, f"{base}/query").status_code == 405
    assert client.post(f"{base}/label/job/values").status_code == 403
    assert asked == []
    reading = ("query", "query_range", "query_exemplars", "series", "labels", "label/job/values")
    for path in reading:
        assert client.get(f"{base}/{path}").status_code == 200
    assert asked == [f"GET /api/v1/{path}" for path in reading]


@given(st.text(max_size=40), st.sampled_from(["GET", "POST", "PUT", "DELETE"]))
def test_no_other_path_is_allowed(path: str, method: str) -> None:
    """The allow-list is a list, not a pattern that can be outwitted."""
    if allows(method, path):
        assert path in {"query", "query_range", "query_exemplars", "series", "labels"} or re.fullmatch(
            r"label/[A-Za-z0-9_:]+/values", path
        )
        assert method in ("GET", "POST")


def test_known_parameters_reach_prometheus_and_others_do_not(open_client: Callable[..., TestClient]) -> None:
    """The query goes as a form, without cookies or credentials of the browser."""
    seen: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return answer({"resultType": "vector", "result": []})

    client = open_client(handler)
    headers = {"Cookie": "session=1", "Authorization": "Bearer x"}
    form = {"query": 'up{a="ü&b"}', "time": "1", "evil": "1", "stats": "all"}
    response = client.post("/prometheus/api/v1/query", data=form, headers=headers)
    assert response.json()["status"] == "success"
    assert response.headers["cache-control"] == "no-store"
    assert seen[0].content.decode() == "query=up%7Ba%3D%22%C3%BC%26b%22%7D&time=1"
    assert "cookie" not in seen[0].headers and "authorization" not in seen[0].headers


def test_an_error_of_prometheus_keeps_its_status_and_words(open_client: Callable[..., TestClient]) -> None:
    """Bad PromQL is Prometheus' to explain."""
    error = {"status": "error", "errorType": "bad_data", "error": "parse error"}
    client = open_client(lambda _: httpx2.Response(400, json=error))
    response = client.post("/prometheus/api/v1/query", data={"query": "sum("})
    assert (response.status_code, response.json()) == (400, error)


def _raise(error: Exception) -> Handler:
    def handler(_: httpx2.Request) -> httpx2.Response:
        raise error

    return handler


@pytest.mark.parametrize(
    ("handler", "told", "words"),
    [
        (
            _raise(httpx2.ConnectError("Connection refused")),
            (502, "unavailable"),
            "does not answer: no connection",
        ),
        (_raise(httpx2.ReadTimeout("slow")), (504, "timeout"), "took too long"),
        (lambda _: httpx2.Response(200, html="<p>hello</p>"), (502, "unavailable"), "not as Prometheus does"),
        (lambda _: httpx2.Response(200, json=["x" * 2000]), (502, "too_large"), "narrow the query"),
    ],
)
def test_a_prometheus_that_fails_is_told_in_words(
    handler: Handler,
    told: tuple[int, str],
    words: str,
    open_client: Callable[..., TestClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Down, slow, something else, or too much: each in the form of Prometheus' own errors."""
    monkeypatch.setattr(upstream, "MAX_ANSWER_BYTES", 1000)
    response = open_client(handler).get("/prometheus/api/v1/query?query=up")
    body = response.json()
    assert (response.status_code, body["errorType"]) == told
    assert body["status"] == "error"
    assert words in body["error"]


def test_an_overlong_query_is_refused(open_client: Callable[..., TestClient]) -> None:
    """64 KiB are enough for any query that a person can read."""
    response = open_client().post("/prometheus/api/v1/query", data={"query": "x" * 70_000})
    assert response.status_code == 413
