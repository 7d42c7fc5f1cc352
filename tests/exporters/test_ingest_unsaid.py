"""Bodies that do not say what they are: read as JSON for the sake of curl, refused from web pages, explained when wrong."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable

import httpx2
import pytest
import specs

from modelwatch.exporters.ingest import FORMATS, UNSAID
from modelwatch.exporters.sidecar import Sidecar

PATH = f"/v1/models/{specs.NAME}/predictions"
GOOD = json.dumps({"rows": [{"features": {"hour": 7}}]}).encode()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def client(serve_app: Callable[..., httpx2.Client]) -> httpx2.Client:
    found = Sidecar(specs.fleet(specs.model()))
    found.load()
    return serve_app(found)


def typed(kind: str) -> dict[str, str]:
    return {"Content-Type": kind} if kind else {}


@pytest.mark.parametrize("kind", [*UNSAID, "text/plain;charset=UTF-8", "application/problem+json"])
def test_what_says_nothing_of_itself_is_read_as_json(client: httpx2.Client, kind: str) -> None:
    assert client.post(PATH, content=GOOD, headers=typed(kind)).json()["accepted"] == 1


def test_urllib_without_a_header_is_understood(client: httpx2.Client) -> None:
    request = urllib.request.Request(str(client.base_url) + PATH, data=GOOD)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["accepted"] == 1
    assert request.unredirected_hdrs["Content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("kind", ["application/xml", "text/csv", "multipart/form-data; boundary=x", "text/html"])
def test_any_other_content_type_is_415_and_names_those_that_are_read(client: httpx2.Client, kind: str) -> None:
    answer = client.post(PATH, content=GOOD, headers=typed(kind))
    assert answer.status_code == 415
    assert all(known in answer.json()["error"] for known in FORMATS)


@pytest.mark.parametrize(
    "body", [b"hour=7&carrier=UA", b'{"features": {"hour": 7}}{"features": {"hour": 8}}', b"@rows.json"]
)
def test_what_curl_d_makes_of_something_else_is_told_with_the_way_out(client: httpx2.Client, body: bytes) -> None:
    answer = client.post(PATH, content=body, headers=FORM)
    assert answer.status_code == 400
    said = answer.json()["error"]
    assert 'send {"rows": [' in said
    assert "curl -d" in said
    assert "--data-binary @FILE and -H 'Content-Type: application/x-ndjson'" in said
    assert "curl" not in client.post(PATH, content=body).json()["error"], "who said nothing used no curl -d"


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_a_web_page_must_say_what_it_sends(client: httpx2.Client, header: str) -> None:
    page = {header: "null"}
    for kind in UNSAID:
        answer = client.post(PATH, content=GOOD, headers={**page, **typed(kind)})
        assert answer.status_code == 415
        assert "Content-Type: application/json" in answer.json()["error"]
    assert client.post(PATH, content=GOOD, headers={**page, "Content-Type": "application/json"}).status_code == 200


def test_a_browser_that_asks_first_is_not_let_in(client: httpx2.Client) -> None:
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    answer = client.request("OPTIONS", PATH, headers={**asked, "Access-Control-Request-Headers": "content-type"})
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
