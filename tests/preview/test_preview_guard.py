"""Who may ask, and what pages may load."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import pytest

from modelwatch.compose.preview.app import STATIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:3000", "127.0.0.1:3000", "[::1]:3000", "LOCALHOST", "box.lan:3000"]
)
def test_this_machine_s_names_and_the_listening_host_are_answered(
    host: str, open_client: Callable[..., TestClient]
) -> None:
    """Also with a port, in IPv6 and in capitals."""
    assert open_client(listen_host="box.lan").get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test:3000", "", "[::1", "a@localhost@evil.test"]
)
def test_a_foreign_host_header_is_refused(host: str, open_client: Callable[..., TestClient]) -> None:
    """A page of another site that rebinds its name to this address reads nothing."""
    assert open_client().get("/api/search", headers={"Host": host}).status_code == 421


def test_requests_from_other_sites_are_refused(open_client: Callable[..., TestClient]) -> None:
    """An Origin that is not this machine may not even query."""
    client = open_client()
    assert client.post("/prometheus/api/v1/query", headers={"Origin": "https://evil.test"}).status_code == 403
    assert client.post("/prometheus/api/v1/query", headers={"Origin": "null"}).status_code == 403
    assert client.post("/prometheus/api/v1/query", headers={"Origin": "http://localhost:3000"}).status_code == 200


def test_pages_may_load_nothing_from_elsewhere(open_client: Callable[..., TestClient]) -> None:
    """The policy allows scripts and styles from here alone, and no page holds inline ones."""
    client = open_client()
    for path in ("/", "/d/one/one", "/runbooks/flight-delay/Burn", "/static/home.js", "/nowhere"):
        response = client.get(path)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        if response.headers["content-type"].startswith("text/html"):
            assert not re.search(r"<script>|<script [^>]*>[^<]|<style| style=| on[a-z]+=", response.text)
            assert not re.search(r'(src|href)="(https?:)?//', response.text)


def test_the_browser_s_files_name_no_other_site() -> None:
    """Nothing under static/ fetches from anywhere else."""
    for path in STATIC.rglob("*"):
        if path.suffix in (".js", ".css") and "vendor" not in path.parts:
            found = list(re.findall(r"https?://[^\s\"'`)]+", path.read_text("utf-8")))
            assert set(found) <= {"http://www.w3.org/2000/svg", "http://localhost"}, path


def test_scripts_are_served_as_scripts(open_client: Callable[..., TestClient]) -> None:
    """A module with another type would not run."""
    client = open_client()
    assert "javascript" in client.get("/static/dashboard.js").headers["content-type"]
    assert client.get("/static/favicon.svg").headers["content-type"] == "image/svg+xml"


def test_the_vendored_library_is_the_one_its_note_names() -> None:
    """Every sum in the note is the file's own."""
    vendor = STATIC / "vendor"
    rows = re.findall(r"\| `([^`]+)` \| `[^`]+` \| `([0-9a-f]{64})` \|", (vendor / "README.md").read_text("utf-8"))
    assert {name for name, _ in rows} == {path.name for path in vendor.iterdir()} - {"README.md"}
    for name, digest in rows:
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
