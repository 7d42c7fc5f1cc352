"""The pages of traces, with a Jaeger that is a function: what is asked, what is shown, and what to do where nothing is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import httpx2
import pytest

from modelwatch.compose.preview import jaeger, traces, upstream
from modelwatch.model.types import Kept
from modelwatch.otel.collector.jaeger import MAX_TRACES
from modelwatch.telemetry import metrics as M
from tests.preview.recorded import (
    ANSWERED,
    BATCH,
    FAILED,
    Handler,
    Words,
    as_jaeger,
    hangs,
    links,
    recorded,
    refuses,
    text,
    words,
)

if TYPE_CHECKING:
    from starlette.testclient import TestClient

EVIL = "<img src=x onerror=alert(1)>"


def test_the_failed_requests_of_a_model_are_listed_with_their_traces(open_traces: Callable[..., TestClient]) -> None:
    """Duration, outcome, confidence, version; a batch stands in the list of its model."""
    page = open_traces().get("/traces?model=flight-delay&kind=failed&from=now-6h&to=now").text
    assert "ValueError" in page and "timeout" in page
    assert f"/traces/{FAILED}" in set(links(page))
    assert "24.9 ms" in words(page) and "from the last 6 hours" in words(page)
    unsure = words(open_traces().get("/traces?kind=unsure").text)
    assert "0.410" in unsure and "0.520" in unsure and "batch of 3" not in unsure
    assert "batch of 3" in words(open_traces().get("/traces?kind=latest").text)


def test_a_batch_of_one_is_told_apart_from_a_request_of_several_rows(open_traces: Callable[..., TestClient]) -> None:
    """In the list and on its own page; the badge says what it is and not how many there are."""

    def with_rows(rows: int) -> Handler:
        def handler(request: httpx2.Request) -> httpx2.Response:
            answer = recorded(request)
            found = json.loads(answer.text)
            if request.url.path == "/api/traces":
                for trace in found["data"]:
                    for span in trace["spans"]:
                        span["tags"] = [tag for tag in span["tags"] if tag["key"] != "modelwatch.batch.size"]
                        span["tags"].append({"key": "modelwatch.batch.size", "type": "int64", "value": rows})
            return as_jaeger(json.dumps(found), answer.status_code)

        return handler

    one, several = (open_traces(with_rows(rows)).get("/traces?kind=latest").text for rows in (1, 7))
    batches = json.loads(text("found-batch"))["data"]
    assert len(batches) == words(one).count("batch of 1") == words(several).count("batch of 7") > 0
    assert " row" not in words(one.split("<tbody>")[1].split("</tbody>")[0])
    assert "7 rows" in words(several)
    page = words(open_traces().get(f"/traces/{BATCH}").text.split('<dl class="summary">')[0])
    assert "batch of 3" in page


def test_jaeger_is_asked_for_what_the_list_is_about(open_traces: Callable[..., TestClient]) -> None:
    """By the contract's attributes on the request's own span, in the time of the address."""
    asked: list[dict[str, str]] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/api/traces":
            asked.append(dict(request.url.params))
        return recorded(request)

    client = open_traces(handler)
    wanted = {
        "slowest": {},
        "failed": {"modelwatch.outcome": "error"},
        "unsure": {"modelwatch.low_confidence": "true"},
        "drifted": {"modelwatch.drifted": "true"},
        "latest": {},
    }
    for kind, tags in wanted.items():
        asked.clear()
        assert client.get(f"/traces?model=flight-delay&kind={kind}&from=1000&to=61000").status_code == 200
        assert {each["operation"] for each in asked} == {"inference flight-delay", "batch flight-delay"}
        for each in asked:
            assert json.loads(each["tags"]) == tags
            assert (each["service"], each["start"], each["end"]) == ("flights", "1000000", "61000000")


def test_the_slowest_are_the_slowest_of_all_and_not_of_the_newest(open_traces: Callable[..., TestClient]) -> None:
    """Jaeger gives the newest that are long enough, so the preview asks for ever longer ones."""
    durations = [(n * 7919) % 30_011 for n in range(30_000)]  # microseconds, newest first, each once
    rounds = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked = request.url.params
        if request.url.path != "/api/traces":
            return recorded(request)
        if asked["operation"].startswith("batch"):
            return as_jaeger('{"data": []}')
        rounds.append(asked)
        least = int(asked.get("minDuration", "0us").removesuffix("us"))
        chosen = [(n, d) for n, d in enumerate(durations) if d >= least][: int(asked["limit"])]
        span = {"operationName": "inference flight-delay", "startTime": 1, "tags": []}
        data = [{"traceID": f"{n:032x}", "spans": [{**span, "duration": d}]} for n, d in chosen]
        return as_jaeger(json.dumps({"data": data}))

    page = open_traces(handler).get("/traces?model=flight-delay").text
    shown = [int(found, 16) for found in re.findall(r'href="/traces/([0-9a-f]{32})"', page)][: jaeger.SHOWN]
    assert [durations[n] for n in shown] == sorted(durations, reverse=True)[: jaeger.SHOWN]
    assert len(rounds) <= 8
    assert "There are more" in page


def test_a_trace_is_drawn_with_its_stages_in_order(open_traces: Callable[..., TestClient]) -> None:
    """Without a script: names, bars, durations and what each span carries are in the page."""
    page = open_traces().get(f"/traces/{FAILED}").text
    said = words(page)
    order = [
        said.index(name) for name in ("Level 1: inference flight-delay", "Level 2: preprocessing", "Level 2: predict")
    ]
    assert order == sorted(order)
    assert "Begins after 4.08 ms, takes 20.2 ms" in said and "exception.type ValueError" in said
    assert page.count('<rect class="stage-1"') == 3  # in the bar of shares, its key and its lane
    assert "raise ValueError" in said
    assert "/traces?model=flight-delay" in set(links(page))


def test_the_log_lines_of_a_trace_stand_below_it(open_traces: Callable[..., TestClient], tmp_path: Path) -> None:
    file = tmp_path / "logs.jsonl"
    line = {"traceId": FAILED, "timeUnixNano": "1", "severityText": "WARN", "body": {"stringValue": "no <b>weather"}}
    file.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [line]}]}]}) + "\n")
    client = open_traces(logs=file)
    page = client.get(f"/traces/{FAILED}").text
    assert '<span class="mark warn">WARN</span> <span class="log-body">no &lt;b&gt;weather</span>' in page
    other = words(client.get(f"/traces/{ANSWERED}").text)
    assert f"No line in {file} carries this trace's id" in other
    batch = words(client.get(f"/traces/{BATCH}").text)
    assert "A batch has no line of its own" in batch and "No line in" not in batch
    assert "Log lines" not in open_traces().get(f"/traces/{FAILED}").text


def test_exemplars_of_latency_lead_to_their_traces(open_traces: Callable[..., TestClient]) -> None:
    """Also where the list above them is empty, and said where Prometheus does not answer."""
    page = open_traces().get("/traces?kind=drifted").text
    assert "None of this kind" in page and f"/traces/{FAILED}" in set(links(page))

    def without(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "prometheus.test":
            raise httpx2.ConnectError("refused")
        return recorded(request)

    page = open_traces(without).get("/traces?kind=failed").text
    assert "Prometheus at http://prometheus.test:9090 does not answer" in page and "ValueError" in page


def test_values_of_a_trace_are_never_markup(open_traces: Callable[..., TestClient]) -> None:
    """Names, attributes, events, services and ids of a hostile sender come out as text."""
    evil = json.dumps(EVIL)[1:-1]
    body = (
        text("trace-failed")
        .replace("ValueError", evil)
        .replace("preprocessing", evil)
        .replace("flights", evil)
        .replace("874b36d3ac692d4b", evil)
    )
    listed = text("found-failed").replace("ValueError", evil).replace(FAILED, f'{FAILED}\\" onload=\\"alert(1)')

    def handler(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.startswith("/api/v3/traces/"):
            return as_jaeger(body)
        if path == "/api/traces":
            return as_jaeger(listed)
        return recorded(request)

    client = open_traces(handler)
    for path in (f"/traces/{FAILED}", "/traces?kind=failed", f"/traces?model={EVIL}"):
        response = client.get(path)
        parser = Words()
        parser.feed(response.text)
        assert response.status_code == (404 if path.endswith(EVIL) else 200)
        assert "&lt;img" in response.text
        assert not any(name.startswith("on") for _, attributes in parser.tags for name in attributes)
        assert not any(
            tag == "img" and attributes.get("src") != "/static/favicon.svg" for tag, attributes in parser.tags
        )
        assert "style=" not in response.text  # which the policy forbids, so nothing may need it


def test_wrong_addresses_are_said_in_words(open_traces: Callable[..., TestClient]) -> None:
    """An id that is none, a list that is none, a time that is none: 400, and Jaeger is not asked."""

    def never(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError(request.url)

    client = open_traces(never)
    for path, said in {
        "/traces/zz": "no trace&#39;s id",
        f"/traces/{'a' * 33}": "no trace&#39;s id",
        f"/traces/{FAILED[:-1]}%0a": "no trace&#39;s id",
        "/traces?kind=worst": "slowest, failed, unsure",
        "/traces?from=yesterday": "from=yesterday is no time",
        "/traces?from=now&to=now-1h": "before it begins",
    }.items():
        response = client.get(path)
        assert response.status_code == 400, path
        assert said in response.text, path


def test_ids_in_capitals_and_short_ones_lead_to_the_same_page(open_traces: Callable[..., TestClient]) -> None:
    """As old clients and people write them."""
    client = open_traces()
    assert client.get(f"/traces/{FAILED.upper()}", follow_redirects=False).headers["location"] == f"/traces/{FAILED}"
    short = client.get("/traces/db8533947522fe56", follow_redirects=False)
    assert short.headers["location"] == "/traces/0000000000000000db8533947522fe56"


def test_a_trace_that_jaeger_has_not_is_explained(open_traces: Callable[..., TestClient]) -> None:
    """With status 404 and the reasons, of which the number is the generated config's own."""
    response = open_traces().get(f"/traces/{'0' * 31}1")
    assert response.status_code == 404
    said = words(response.text)
    assert f"the newest {MAX_TRACES:,} traces in memory" in said
    for reason in (
        "tracing.keep in the model's spec does not name",
        "the share that tracing.sample says",
        "no more than tracing.max_spans_per_second",
        "wait in a queue of the service, and once that is full",
        "The Collector was killed",
        "its queue on disk",
        "none across a restart",
    ):
        assert reason in said, reason
    assert M.SPANS.name in said


def test_a_list_promises_no_kind_that_the_spec_may_not_keep(open_traces: Callable[..., TestClient]) -> None:
    """The preview knows no spec: an empty list is good only where `tracing.keep` names its kind, and says which word."""
    page = words(open_traces().get("/traces?kind=drifted").text)
    assert "the kinds that tracing.keep of the model's spec names" in page
    assert "tracing.keep of the spec names drifted . Where it does not" in page
    assert "as long as Jaeger has that; a Jaeger that was restarted has none of before" in page
    assert {kind.keep for kind in jaeger.KINDS if kind.keep} < set(get_args(Kept))


@pytest.mark.parametrize(
    ("behaves", "status", "said"),
    [
        (refuses, 502, "Jaeger at http://jaeger.test:16686 does not answer: no connection"),
        (hangs, 504, "took too long"),
        (lambda _: httpx2.Response(200, text="<html>hello</html>"), 502, "not as Jaeger does: check --traces"),
        (lambda _: httpx2.Response(404, text="404 page not found"), 502, "not as Jaeger does: check --traces"),
        (lambda _: httpx2.Response(500, text='{"error":{"message":"storage is gone"}}'), 502, "storage is gone"),
        (lambda _: httpx2.Response(200, text="[" * 100_000), 502, "not as Jaeger does"),
    ],
)
def test_where_jaeger_does_not_answer_the_page_says_what_to_do(
    open_traces: Callable[..., TestClient], behaves: Handler, status: int, said: str
) -> None:
    """Being built, stopped, hanging or something else altogether: both pages name it, and the status tells."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        return recorded(request) if request.url.host == "prometheus.test" else behaves(request)

    client = open_traces(handler)
    for path in ("/traces", f"/traces/{FAILED}"):
        response = client.get(path)
        assert (response.status_code, said in response.text) == (status, True), response.text
        assert "modelwatch status" in response.text and "modelwatch logs jaeger" in response.text
    state = client.get("/api/status").json()
    assert state["prometheus"]["up"] is True
    assert state["traces"]["up"] is False and said in state["traces"]["error"]


def test_a_jaeger_that_hangs_does_not_hold_up_the_status(
    open_traces: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts are told on every page, whatever Jaeger does."""
    monkeypatch.setattr(traces, "_STATE_SECONDS", 0.05)

    async def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "jaeger.test":
            await asyncio.sleep(60)
        return recorded(request)

    state = open_traces(handler).get("/api/status").json()
    assert state["prometheus"]["up"] is True
    assert (state["traces"]["up"], "took longer than" in state["traces"]["error"]) == (False, True)


def test_an_answer_that_is_too_large_is_said(
    open_traces: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cut off while it comes in."""
    monkeypatch.setattr(upstream, "MAX_ANSWER_BYTES", 1000)
    response = open_traces().get(f"/traces/{FAILED}")
    assert response.status_code == 502
    assert "Too much to show" in response.text


def test_a_model_without_traces_and_a_stack_without_jaeger_are_said(
    open_traces: Callable[..., TestClient], open_client: Callable[..., TestClient], folder: Path
) -> None:
    """Neither is an empty page."""
    (folder / "runbooks" / "churn").mkdir()
    (folder / "runbooks" / "churn" / "Burn.md").write_text("# Burn\n")
    assert "There is no trace of churn yet" in words(open_traces().get("/traces?model=churn").text)
    plain = open_client(recorded)
    assert plain.get("/traces").status_code == 404
    assert "--traces" in plain.get("/traces").text
    assert plain.get("/api/status").json()["traces"] is None
    assert plain.get("/api/dashboards/uid/one").json()["meta"]["traces"] is None
    assert open_traces().get("/api/dashboards/uid/one").json()["meta"]["traces"] == "/traces"
    assert open_traces().get("/api/status").json()["traces"]["up"] is True


def test_a_model_that_there_is_not_is_said_with_those_that_there_are(
    open_client: Callable[..., TestClient], open_traces: Callable[..., TestClient], folder: Path
) -> None:
    """By its spec's runbooks or its traces; without runbooks only the second is known."""
    (folder / "runbooks" / "churn").mkdir()
    (folder / "runbooks" / "churn" / "Burn.md").write_text("# Burn\n")
    (folder / "runbooks" / "modelwatch").mkdir()
    (folder / "runbooks" / "modelwatch" / "Own.md").write_text("# Own\n")
    response = open_traces().get("/traces?model=nope&kind=failed")
    assert response.status_code == 404
    assert "There is no model nope: " in words(response.text) and "There are churn , flight-delay ." in words(
        response.text
    )
    assert {
        "/traces?model=churn&kind=failed&from=now-1h&to=now",
        "/traces?model=flight-delay&kind=failed&from=now-1h&to=now",
    } <= set(links(response.text))
    (folder / "runbooks" / "churn" / "Burn.md").unlink()
    (folder / "runbooks" / "flight-delay" / "Burn.md").unlink()
    assert "There is no trace of nope yet" in words(open_traces().get("/traces?model=nope").text)
