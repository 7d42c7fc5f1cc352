"""The program: its flags, its address, and what is left of it after SIGKILL."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelwatch.compose.pagerduty.__main__ import main

Event = Callable[..., dict[str, Any]]


@contextlib.contextmanager
def running(state: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The real program on a free port: its process, and its base URL."""
    command = [sys.executable, "-m", "modelwatch.compose.pagerduty", "--listen", "127.0.0.1:0", "--state", str(state)]
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("PagerDuty double: http://127.0.0.1:"), line
        yield process, line.split()[2]
    finally:
        process.kill()
        process.communicate()


def post(url: str, event: dict[str, Any]) -> int:
    request = urllib.request.Request(url, json.dumps(event).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def get(url: str) -> Any:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def test_every_answered_event_survives_sigkill(state: Path, event: Event) -> None:
    """Killed while a sender is at work: what was answered 202 is there afterwards."""
    accepted: list[str] = []
    enough = threading.Event()
    with running(state, "--rate-limit", "0") as (process, url):

        def work() -> None:
            with contextlib.suppress(OSError):
                for number in range(100_000):
                    if post(f"{url}/v2/enqueue", event(dedup_key=f"page-{number}")) == 202:
                        accepted.append(f"page-{number}")
                    if number == 30:
                        enough.set()

        sender = threading.Thread(target=work)
        sender.start()
        assert enough.wait(60)
        process.send_signal(signal.SIGKILL)
        sender.join()
    with running(state) as (_, url):
        kept = [found["dedup_key"] for found in get(f"{url}/incidents")["incidents"]]
        assert set(accepted) <= set(kept)
        assert len(kept) - len(accepted) <= 1
        assert post(f"{url}/v2/enqueue", event("resolve", dedup_key="page-0")) == 202
        assert get(f"{url}/incidents/1")["status"] == "resolved"


def test_acknowledged_resolved_orphaned_and_refused_survive_a_restart(state: Path, event: Event) -> None:
    with running(state) as (_, url):
        for number, action in enumerate(("acknowledge", "resolve")):
            post(f"{url}/v2/enqueue", event(dedup_key=f"page-{number}"))
            post(f"{url}/v2/enqueue", event(action, dedup_key=f"page-{number}"))
        post(f"{url}/v2/enqueue", event("resolve", dedup_key="nobody"))
        post(f"{url}/v2/enqueue", event("explode"))
        post(f"{url}/incidents/1/resolve", {})
        lists = ("incidents", "orphans", "refused")
        before = [get(f"{url}/{name}")[name] for name in lists]
    with running(state) as (_, url):
        assert [get(f"{url}/{name}")[name] for name in lists] == before


def test_it_stops_on_sigterm(state: Path) -> None:
    with running(state) as (process, _):
        process.terminate()
        assert process.wait(20) in (0, -signal.SIGTERM)
        _, errors = process.communicate()
        assert "Traceback" not in errors


def test_the_rate_limit_is_a_flag(state: Path, event: Event) -> None:
    with running(state, "--rate-limit", "2") as (_, url):
        assert [post(f"{url}/v2/enqueue", event()) for _ in range(3)] == [202, 202, 429]


def run(*flags: str) -> tuple[int, str]:
    errors = io.StringIO()
    return main(flags, io.StringIO(), errors), errors.getvalue()


def test_a_port_in_use_is_one_clear_line(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, errors = run("--listen", f"127.0.0.1:{port}", "--state", str(state))
    assert status == 2
    assert errors == (
        f"error: cannot listen on 127.0.0.1:{port}: {os.strerror(98)}: choose another place with --listen\n"
    )
    assert not state.exists()


def test_a_foreign_state_file_is_one_clear_line(state: Path) -> None:
    state.write_text("hello\n")
    status, errors = run("--listen", "127.0.0.1:0", "--state", str(state))
    assert status == 2
    assert errors.startswith(f"error: {state}:1: no state file of this program")
    assert errors.count("\n") == 1


def test_a_port_variable_that_is_no_port_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELWATCH_PORT_PAGERDUTY", "high")
    status, errors = run()
    assert status == 2
    assert "MODELWATCH_PORT_PAGERDUTY='high' is no port" in errors


@pytest.mark.parametrize(
    "flags",
    [
        ("--listen", "8089"),
        ("--listen", "127.0.0.1:99999"),
        ("--rate-limit", "-1"),
        ("--rate-limit", "many"),
        ("--moved", "127.0.0.1:1=nowhere"),
    ],
)
def test_wrong_flags_are_explained(flags: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leave:
        run(*flags)
    assert leave.value.code == 2
    assert flags[0] in capsys.readouterr().err
