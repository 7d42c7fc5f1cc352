"""What the preview serves: pages, dashboards as their files change, and how it starts."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.compose.preview import __main__
from modelwatch.compose.preview.boards import Boards, slugify
from modelwatch.compose.preview.server import PreviewError, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient


def board(uid: str = "one", title: str = "One", **more: Any) -> str:
    return json.dumps({"uid": uid, "title": title, "tags": ["k"], "panels": [], "schemaVersion": 41, **more})


def test_the_home_page_and_every_dashboard_are_pages(open_client: Callable[..., TestClient]) -> None:
    """A dashboard opens at Grafana's address, with and without its slug."""
    client = open_client()
    for path in ("/", "/dashboards", "/d/one", "/d/one/any-slug", "/runbooks/", "/runbooks/flight-delay/Burn"):
        response = client.get(path)
        assert response.status_code == 200, path
        assert response.headers["content-type"].startswith("text/html")
    assert "<title>One · modelwatch</title>" in client.get("/d/one").text


def test_health_is_told_without_prometheus(open_client: Callable[..., TestClient]) -> None:
    """/healthz says that the preview itself runs."""
    response = open_client(lambda _: httpx2.Response(500)).get("/healthz")
    assert (response.status_code, response.text) == (200, "ok\n")


def test_what_is_not_there_is_said_in_words(open_client: Callable[..., TestClient]) -> None:
    """An unknown dashboard, runbook or page is a page of its own with status 404; the API answers JSON."""
    client = open_client()
    for path in ("/d/none", "/runbooks/flight-delay/None", "/nowhere"):
        response = client.get(path)
        assert response.status_code == 404
        assert "<h1>Nothing here</h1>" in response.text
    assert "no dashboard with the uid &#39;none&#39;" in client.get("/d/none").text
    assert client.get("/api/dashboards/uid/none").json()["message"].startswith("There is no dashboard")


def test_dashboards_are_listed_with_the_files_that_are_none(
    folder: Path, open_client: Callable[..., TestClient]
) -> None:
    """Broken files, foreign JSON and repeated uids are named with the reason."""
    boards = folder / "boards"
    (boards / "broken.json").write_text('{"uid": "x",\n "panels": [}')
    (boards / "foreign.json").write_text('{"elements": {}}')
    (boards / "nouid.json").write_text(board(uid="no good/uid"))
    (boards / "sub" / "twice.json").write_text(board())
    found = open_client().get("/api/search").json()
    assert [(b["uid"], b["url"], b["file"]) for b in found["boards"]] == [("one", "/d/one/one", "one.json")]
    problems = {p["file"]: p["message"] for p in found["problems"]}
    assert problems["broken.json"].startswith("no JSON at line 2, column 13")
    assert "panels" in problems["foreign.json"]
    assert "'no good/uid'" in problems["nouid.json"]
    assert problems["sub/twice.json"] == "uid 'one' is already that of one.json"


def test_a_changed_file_is_seen_without_a_restart(folder: Path, open_client: Callable[..., TestClient]) -> None:
    """Adding, changing and removing dashboards shows at once, and the version tells the browser to reload."""
    client = open_client()
    before = client.get("/api/status").json()["boards"]["one"]
    (folder / "boards" / "one.json").write_text(board(title="One, changed"))
    (folder / "boards" / "two.json").write_text(board("two", "Two"))
    status = client.get("/api/status").json()["boards"]
    assert status["one"] != before
    assert client.get("/api/dashboards/uid/one").json()["dashboard"]["title"] == "One, changed"
    assert client.get("/d/two/two").status_code == 200
    (folder / "boards" / "two.json").unlink()
    assert client.get("/d/two/two").status_code == 404


def test_unchanged_files_are_not_parsed_again(folder: Path) -> None:
    """Asking twice gives the same objects."""
    boards = Boards(folder / "boards")
    assert boards.read() is boards.read()


def test_markdown_panels_come_rendered_even_from_folded_rows(
    folder: Path, open_client: Callable[..., TestClient]
) -> None:
    """The browser gets HTML without markup of the file's own."""
    text = {"id": 7, "type": "text", "options": {"mode": "markdown", "content": "**b** <img src=x onerror=alert(1)>"}}
    row = {"id": 1, "type": "row", "collapsed": True, "panels": [text]}
    (folder / "boards" / "one.json").write_text(board(panels=[row]))
    meta = open_client(scrape_interval="30s").get("/api/dashboards/uid/one").json()["meta"]
    assert meta["texts"] == {"7": "<p><strong>b</strong> &lt;img src=x onerror=alert(1)&gt;</p>\n"}
    assert meta["scrapeInterval"] == "30s"


@given(st.text(max_size=60))
def test_a_slug_has_only_letters_digits_and_hyphens(title: str) -> None:
    """Any title makes an address that needs no escaping."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slugify(title))


def test_what_keeps_it_from_starting_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each wrong option is named with what would be right; the exit code is 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = f"127.0.0.1:{taken.getsockname()[1]}"
        cases = {
            ("--dashboards", str(tmp_path / "missing")): "is no folder",
            ("--dashboards", str(tmp_path), "--prometheus", "localhost:9090"): "give one such as http://127.0.0.1:9090",
            ("--dashboards", str(tmp_path), "--listen", "3000"): "is no HOST:PORT",
            ("--dashboards", str(tmp_path), "--traces", "jaeger"): "--traces 'jaeger' is no address",
            ("--dashboards", str(tmp_path), "--scrape-interval", "often"): "is no duration",
            ("--dashboards", str(tmp_path), "--listen", busy): "choose another with --listen",
        }
        for argv, words in cases.items():
            assert __main__.main(argv) == 2
            error = capsys.readouterr().err
            assert error.count("\n") == 1 and error.startswith("modelwatch preview: ") and words in error


def test_serve_raises_what_main_prints(tmp_path: Path) -> None:
    """A caller gets the error as an exception, and nothing is written."""
    out = io.StringIO()
    with pytest.raises(PreviewError, match="is no folder"):
        serve(dashboards=tmp_path / "missing", prometheus="http://127.0.0.1:9090", out=out)
    assert out.getvalue() == ""


def test_it_runs_as_a_module_until_told_to_stop(folder: Path) -> None:
    """It prints its address, answers there, and ends quietly on SIGTERM."""
    command = [sys.executable, "-m", "modelwatch.compose.preview", "--dashboards", str(folder / "boards")]
    command += ["--prometheus", "http://127.0.0.1:9", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout and process.stderr
        url = process.stdout.readline().split()[2]
        deadline = time.monotonic() + 30
        while True:
            try:
                assert httpx2.get(f"{url}/healthz", trust_env=False).text == "ok\n"
                break
            except httpx2.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert httpx2.get(f"{url}/api/status", trust_env=False).json()["prometheus"]["up"] is False
        process.terminate()
        assert process.wait(20) in (0, -15)
        assert "Traceback" not in process.stderr.read()
