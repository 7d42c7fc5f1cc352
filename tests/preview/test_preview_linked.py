"""From a request to the batch that answered it and back, on the pages of traces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx2
import pytest

from modelwatch.compose.preview import linked
from modelwatch.otel.collector.jaeger import MAX_TRACES
from tests.preview.recorded import (
    ANSWERED,
    BATCH,
    FAILED,
    JOINED,
    LATE,
    Handler,
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


def test_a_batch_leads_to_the_traces_of_its_requests(open_traces: Callable[..., TestClient]) -> None:
    """Each by a link of its own."""
    found = {
        link for link in links(open_traces().get(f"/traces/{BATCH}").text) if re.fullmatch("/traces/[0-9a-f]{32}", link)
    }
    assert len(found) == 3


def test_a_request_shows_the_stages_of_the_batch_that_answered_it(open_traces: Callable[..., TestClient]) -> None:
    """Under a heading of their own, on the request's time, with the way to the batch."""
    page = open_traces().get(f"/traces/{ANSWERED}").text
    own, _, batch = page.partition("Answered in a batch")
    assert re.findall(r"Level \d: </span>([^<]+) ?<", own) == ["inference flight-delay ", "postprocessing"]
    found = re.findall(r"Level (\d): </span>([\w -]+)<", batch)
    expected = ["1 batch flight-delay", "2 preprocessing", "3 weather", "2 predict", "2 kept later"]
    assert [f"{level} {name.strip()}" for level, name in found] == expected
    assert f"/traces/{JOINED}" in set(links(batch))
    assert "A request turned out to be kept after the batch's own span had been sent" in words(batch)
    assert "batch flight-delay of 6 requests: began 8.69 ms after the start of this trace, took 25.9 ms" in words(batch)
    bars = [
        tuple(map(float, bar)) for bar in re.findall(r'x="([\d.]+)%" width="([\d.]+)%" height="100%" rx="2"', batch)
    ]
    assert bars[0] == (pytest.approx(20.8, abs=0.1), pytest.approx(62, abs=0.1))  # of the request's 41.7 ms
    assert all(bars[0][0] <= left and left + width <= bars[0][0] + bars[0][1] + 0.4 for left, width in bars[:-1])


@pytest.mark.parametrize(
    ("shift", "said"),
    [(-16_000_000, "began 24.7 ms after the start of this trace"), (10**10, "before the start of this trace")],
)
def test_a_batch_s_begin_and_its_bar_count_from_the_same_zero(
    open_traces: Callable[..., TestClient], shift: int, said: str
) -> None:
    """From the start of the trace, where a server's span is around the inference; from its own, where that is before."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.endswith(ANSWERED):
            return recorded(request)
        document = json.loads(text("trace-answered"))
        spans = document["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
        (inference,) = (span for span in spans if span["name"].startswith("inference"))
        if shift < 0:
            server = {**inference, "name": "POST /predict", "spanId": "00000000000000aa", "attributes": [], "links": []}
            server["startTimeUnixNano"] = str(int(server["startTimeUnixNano"]) + shift)
            inference["parentSpanId"] = server["spanId"]
            spans.append(server)
        else:
            for span in spans:
                for key in ("startTimeUnixNano", "endTimeUnixNano"):
                    span[key] = str(int(span[key]) + shift)
        return as_jaeger(json.dumps(document))

    section = open_traces(handler).get(f"/traces/{ANSWERED}").text.partition("Answered in a batch")[2]
    assert said in words(section)
    bar = re.search(r'<rect class="[^"]+" x="([\d.]+)%"', section)
    assert bar is not None
    if shift < 0:
        begins = re.search(r"Begins after ([\d.]+ ms)", words(section))
        assert begins is not None and f"began {begins[1]} after" in words(section)
        assert float(bar[1]) == pytest.approx(100 * 24.7 / 57.7, abs=0.5)
    else:
        assert float(bar[1]) == 0


def without(missing: str, answer: Handler) -> Handler:
    """A Jaeger that for one trace answers differently."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        return answer(request) if request.url.path.endswith(missing) else recorded(request)

    return handler


def test_a_batch_that_is_not_there_is_said_on_its_request(open_traces: Callable[..., TestClient]) -> None:
    """Not kept, or not to be read: the rest of the page stands."""
    gone = without(JOINED, lambda _: as_jaeger('{"error":{"httpCode":404,"message":"No traces found"}}', 404))
    for handler, said in ((gone, "is not here"), (without(JOINED, hangs), "could not be read: Jaeger at")):
        response = open_traces(handler).get(f"/traces/{ANSWERED}")
        assert response.status_code == 200
        own, _, batch = response.text.partition("Answered in a batch")
        assert "postprocessing" in own
        assert "Bars stand" not in batch
        assert said in words(batch) and f"/traces/{JOINED}" in set(links(batch))
    assert_reasons(open_traces(gone).get(f"/traces/{ANSWERED}").text.partition("Answered in a batch")[2])


def assert_reasons(section: str) -> None:
    """The spec's share and limit, an outage, a Collector that was killed, and Jaeger's memory."""
    said = words(section)
    assert "tracing.sample" in said and "tracing.max_spans_per_second" in said
    assert "queue was full in an outage or when the Collector was killed" in said
    assert f"the newest {MAX_TRACES:,} traces in memory" in said


def test_a_batch_lists_its_requests_that_are_kept(open_traces: Callable[..., TestClient]) -> None:
    """Two of six are; each with its outcome and the way to its trace."""
    section = open_traces().get(f"/traces/{JOINED}").text.split("Requests in this batch")[1]
    said = words(section)
    assert "2 traces of 6 requests are here" in said
    assert_reasons(section)
    assert list(links(section)) == [f"/traces/{ANSWERED}", f"/traces/{LATE}"]
    assert "unsure 0.310" in said and "timeout" in said
    assert "Requests in this batch" not in open_traces().get(f"/traces/{FAILED}").text
    refused = open_traces(without(LATE, refuses)).get(f"/traces/{JOINED}").text.split("Requests in this batch")[1]
    assert "Not all could be looked for: Jaeger at" in words(refused) and list(links(refused)) == [
        f"/traces/{ANSWERED}"
    ]


def test_of_many_requests_and_batches_some_are_asked_for(open_traces: Callable[..., TestClient]) -> None:
    """And how many more there are is said."""
    asked: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.startswith("/api/v3/traces/"):
            asked.append(path)
            document = json.loads(text("trace-joined" if path.endswith(JOINED) else "trace-answered"))
            for span in document["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"]:
                if span.get("links"):
                    span["links"] = [{"traceId": f"{n:032x}", "spanId": f"{n:016x}"} for n in range(1, 1001)]
            return as_jaeger(json.dumps(document))
        return recorded(request)

    page = open_traces(handler).get(f"/traces/{JOINED}").text
    assert len(asked) == 1 + linked.REQUESTS_ASKED
    assert f"and {1000 - linked.REQUESTS_ASKED} more requests that were not looked for" in words(page)
    asked.clear()
    page = open_traces(handler).get(f"/traces/{ANSWERED}").text
    assert len(asked) == 1 + linked.BATCHES_SHOWN
    assert "Answered in 1,000 batches" in words(page) and "and 995 more batches" in words(page)
