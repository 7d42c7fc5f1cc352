"""Whether a running program has its web UI, by what it answers."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modelwatch.compose.pages import API_ONLY, CLASSIC, note, ui
from modelwatch.compose.table import part_named

UI = b"<!doctype html><div id=root></div><SCRIPT defer src='app.js'></SCRIPT>"
PAGES = {
    "/": (302, b"", "/query"),
    "/query": (200, UI, ""),
    "/broken": (302, b"", "/500"),
    "/500": (500, b"Error opening React index.html: <script", ""),
    "/stand-in": (200, b"<!doctype html><h1>This is not the UI you are looking for!</h1>", ""),
    "/old": (302, b"", "/classic/graph"),
    "/classic/graph": (200, UI, ""),
    "/loop": (302, b"", "/loop"),
    "/login": (302, b"", "http://sso.example.com/login"),
}


@pytest.fixture
def address() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, location = PAGES[self.path]
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "there"),
    [("/", True), ("/query", True), ("/broken", False), ("/500", False), ("/stand-in", False), ("/loop", False)],
)
def test_a_web_ui_is_a_page_with_a_script_wherever_its_first_page_leads(address, path, there):
    assert (ui(f"http://{address}{path}") is not None) is there


def test_where_the_pages_of_an_old_build_are_is_told(address):
    """Its first page and its graphs lead there, /alerts and /targets do not."""
    prometheus = part_named("prometheus")
    assert note(prometheus, {"prometheus": address}) == ""
    assert note(dataclasses.replace(prometheus, page="/old"), {"prometheus": address}) == CLASSIC


def test_where_traces_are_drawn_is_told_where_jaeger_draws_none(address):
    jaeger = part_named("jaeger")
    public = {"jaeger": address, "preview": "127.0.0.1:3000"}
    assert note(jaeger, public) == ""
    told = note(dataclasses.replace(jaeger, page="/stand-in"), public)
    assert told == f"{API_ONLY}; the preview draws its traces at http://127.0.0.1:3000/traces"


def test_a_page_behind_a_login_elsewhere_is_for_people(address):
    assert ui(f"http://{address}/login") == "http://sso.example.com/login"


def test_nothing_is_claimed_of_what_does_not_answer():
    assert ui("http://127.0.0.1:1/")


def test_only_what_is_built_without_its_ui_is_asked(address):
    """Our own pages need no script to be pages."""
    public = {"prometheus": address, "demo": "127.0.0.1:1", "collector": "127.0.0.1:1"}
    assert not any(note(part_named(name), public) for name in public)
