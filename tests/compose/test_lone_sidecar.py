"""`status` finds a sidecar that runs without a stack, and says how it stands."""

from __future__ import annotations

import http.server
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelwatch.cli.command import Streams
from modelwatch.cli.main import main
from modelwatch.compose import lone_sidecar
from modelwatch.compose.drift_state import Said
from modelwatch.compose.lone_sidecar import UrlError, look, parse
from modelwatch.compose.occupied import Holder

READY = {"ready": True, "loading": [], "missing": {}}
LOADING = {"ready": False, "loading": ["a", "b"], "missing": {}}
MISSING = {"ready": False, "loading": [], "missing": {"a": "x.json: cannot be read"}}
SPEC = """\
apiVersion: modelwatch/v1
kind: Model
metadata: {name: flights, owner: ops}
serving: {job: flights}
task: {type: regression}
features: [{name: hour, type: numeric}]
"""


@contextmanager
def answering(pages: dict[str, tuple[int, object]]) -> Iterator[str]:
    """A server of these pages, by path; anything else is 404."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = pages.get(self.path, (404, "no such page"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def run(folder: Path, *words: str, **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main(["status", *words], Streams(out, err, {"PATH": os.environ["PATH"], **environ}, folder))
    return code, out.getvalue(), err.getvalue()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("answer", "state", "detail"),
    [
        ((200, READY), "ready", ""),
        ((503, LOADING), "starting", "builds the reference profile of a, b"),
        ((503, MISSING), "degraded", "a: x.json: cannot be read"),
        ((200, "hello"), "stopped", "something else than a sidecar answers there"),
    ],
)
def test_its_state_is_what_its_readiness_says(answer: tuple[int, object], state: str, detail: str) -> None:
    with answering({"/readyz": answer}) as url:
        found = look(url)
    assert (found.state, found.detail.removeprefix(f"process {os.getpid()}").removeprefix("; ")) == (state, detail)


def test_nobody_there_is_told_and_exits_1(tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, "--exporter", f"127.0.0.1:{free_port()}")
    assert code == 1
    assert "nobody answers: " in out


def test_a_sidecar_of_another_address_is_asked_by_url(tmp_path: Path) -> None:
    models = {"models": [{"name": "m", "status": "ok", "problem": None, "features": []}]}
    with answering({"/readyz": (200, READY), "/v1/models": (200, models)}) as url:
        code, out, _ = run(tmp_path, "--exporter", url, "--format", "json")
        assert run(tmp_path, "--exporter", url)[1].startswith("part      state  url")
    assert code == 0
    told = json.loads(out)
    assert (told["alone"]["url"], told["alone"]["state"]) == (url, "ready")
    nothing = {"detail": "", "lines": [], "drifts": [], "shares": [], "unlike": None, "correlations": []}
    assert told["models"] == [{"model": "m", "status": "ok", **nothing}]


def test_one_that_asks_for_a_token_says_so() -> None:
    with answering({"/readyz": (200, READY), "/v1/models": (401, {})}) as url:
        assert look(url).said.notes == ("the sidecar shows its models only to who brings a token (--protect-metrics)",)


@pytest.mark.parametrize(
    ("who", "heading", "detail"),
    [
        (Holder("python", 7, "/other"), "that of another stack, of /other,", "part of the stack of /other"),
        (Holder("python", 7), "which no stack of this folder has started,", "process 7"),
        (None, "which no stack of this folder has started,", ""),
    ],
)
def test_whose_the_sidecar_is_is_told_as_far_as_it_can_be_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: Holder | None, heading: str, detail: str
) -> None:
    monkeypatch.setattr(lone_sidecar, "holder", lambda _: who)
    with answering({"/readyz": (200, READY)}) as url:
        port = url.rpartition(":")[2]
        _, out, _ = run(tmp_path, MODELWATCH_PORT_EXPORTER=port)
        assert f"a drift sidecar, {heading} answers at the address" in out and detail in out
        told = json.loads(run(tmp_path, "--format", "json", MODELWATCH_PORT_EXPORTER=port)[1])["alone"]
    assert (told["detail"], told["stack"]) == (detail, who.stack or None if who else None)


def test_a_sidecar_without_a_stack_is_found_and_the_exit_code_stays_that_of_the_stack(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "flights.yaml").write_text(SPEC)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "modelwatch.cli.main", "exporter"],
        cwd=tmp_path,
        env={**os.environ, "MODELWATCH_PORT_EXPORTER": str(port)},
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while look(f"http://127.0.0.1:{port}").state != "ready":
            assert time.monotonic() < end, "it did not start"
            time.sleep(0.1)
        code, out, _ = run(tmp_path, MODELWATCH_PORT_EXPORTER=str(port))
        assert code == 1
        assert "nothing runs here: `modelwatch up` starts the stack" in out
        assert f"exporter  ready  http://127.0.0.1:{port}  process {process.pid}" in out
        assert "flights  inactive" in out
        told = json.loads(run(tmp_path, "--format", "json", MODELWATCH_PORT_EXPORTER=str(port))[1])
        assert (told["running"], told["alone"]["state"]) == (False, "ready")
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("text", ["", "ftp://x", "http://", "x:y", "http://x:99999", "http://[", "x:0"])
def test_what_is_no_address_exits_2_and_says_how_to_write_one(text: str, tmp_path: Path) -> None:
    with pytest.raises(UrlError):
        parse(text)
    if text:
        code, out, err = run(tmp_path, "--exporter", text)
        assert (code, out) == (2, "")
        assert "write it as http://127.0.0.1:9180" in err


def test_an_address_may_be_short_or_a_whole_url() -> None:
    assert parse("127.0.0.1:9180") == "http://127.0.0.1:9180"
    assert parse("https://drift.example:8443/metrics") == "https://drift.example:8443"


def test_a_sidecar_that_is_ready_and_cannot_tell_of_its_models_yet_is_exit_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Said(notes=("ask again",), whole=False)
    monkeypatch.setattr("modelwatch.compose.drift_state.look", lambda url: late)
    with answering({"/readyz": (200, READY)}) as url:
        code, out, _ = run(tmp_path, "--exporter", url)
    assert (code, "ask again" in out) == (1, True)
