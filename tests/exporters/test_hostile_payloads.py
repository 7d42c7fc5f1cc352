"""Thousands of malformed payloads over every format: no 5xx, no crash, flat memory, and good rows still counted exactly."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import hostile
import psutil
import pytest
import specs

GOOD = json.dumps(
    {"rows": [{"features": {"hour": 7, "distance": 900.5, "carrier": "UA"}, "prediction": "late"}] * 3}
).encode()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[str, int, psutil.Process]]:
    """A sidecar as a process of its own: a crash of it is no crash of the test."""
    specs.write_reference(tmp_path / "reference.csv", 500)
    command = [
        sys.executable,
        str(Path(__file__).parent / "serve.py"),
        str(tmp_path / "state"),
        str(tmp_path / "reference.csv"),
    ]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().strip())
        assert url.hostname
        assert url.port
        try:
            _ready(url.hostname, url.port)
            yield url.hostname, url.port, psutil.Process(process.pid)
            assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
            assert "Traceback" not in (tmp_path / "log").read_text()
        finally:
            process.terminate()


def _ready(host: str, port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        connection = http.client.HTTPConnection(host, port, timeout=30)
        connection.request("GET", "/readyz")
        if connection.getresponse().status == 200:
            return
        time.sleep(0.1)


class Sender:
    """One connection that is opened anew whenever the other side closes it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._connection = http.client.HTTPConnection(host, port, timeout=60)

    def send(self, sent: hostile.Sent) -> tuple[int, bytes]:
        headers = {name: value.encode("latin-1") for name, value in sent.headers.items()}
        body = (sent.body[at : at + 97] for at in range(0, len(sent.body), 97)) if sent.chunked else sent.body
        for attempt in range(3):
            try:
                self._connection.request("POST", sent.path, body, headers, encode_chunked=sent.chunked)
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (ConnectionError, http.client.HTTPException):
                # An idle connection that was closed meanwhile; a body that cannot be sent again is sent whole.
                self._connection.close()
                self._connection = http.client.HTTPConnection(*self._address, timeout=60)
                body = sent.body
                assert attempt < 2
        raise AssertionError


def _accepted(host: str, port: int) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("GET", "/metrics")
    for line in connection.getresponse().read().decode().splitlines():
        if line.startswith("modelwatch_exporter_rows_total{") and 'outcome="accepted"' in line:
            return int(float(line.rsplit(" ", 1)[1]))
    raise AssertionError("no rows are counted")


def _bombard(host: str, port: int, process: psutil.Process, count: int, seed: int) -> Counter[int]:
    dice = random.Random(seed)
    sender = Sender(host, port)
    statuses: Counter[int] = Counter()
    expected, resident = 0, 0.0
    for number in range(count):
        sent = hostile.broken(dice)
        status, text = sender.send(sent)
        statuses[status] += 1
        assert status < 500, (number, sent)
        assert status in (200, 202, 400, 404, 413, 415, 422, 429), (number, status, sent)
        if text.startswith(b"{"):
            answer = json.loads(text)
            expected += answer.get("accepted", 0)
            assert len(text) < 1 << 20, (number, sent)
        if number % 10 == 0:
            status, text = sender.send(hostile.Sent(hostile.PREDICTIONS, GOOD, {"Content-Type": "application/json"}))
            assert (status, json.loads(text)) == (200, {"accepted": 3, "rejected": 0, "errors": []})
            expected += 3
        if number == count // 3:
            resident = process.memory_info().rss
    assert _accepted(host, port) == expected
    grown = process.memory_info().rss - resident
    assert grown < 30 << 20, f"it grew by {grown >> 20} MiB over the last {count * 2 // 3} payloads"
    return statuses


def test_malformed_payloads_are_refused_and_good_rows_between_them_are_counted(
    running: tuple[str, int, psutil.Process],
) -> None:
    statuses = _bombard(*running, count=1500, seed=20)
    # What is sent is neither all wrong in the same way nor all harmless.
    assert min(statuses[status] for status in (200, 400, 422)) > 50
    assert statuses[415] > 5


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_thousand_malformed_payloads(running: tuple[str, int, psutil.Process]) -> None:
    print(_bombard(*running, count=10_000, seed=int(os.environ.get("HOSTILE_SEED", "1"))))


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.apache.arrow.stream"])
def test_many_slow_senders_hold_a_bounded_amount_of_memory_and_others_are_served(
    running: tuple[str, int, psutil.Process], kind: str
) -> None:
    host, port, process = running
    before = process.memory_info().rss
    head = f"POST {hostile.PREDICTIONS} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n".encode()
    head += f"Content-Length: {15 << 20}\r\n\r\n".encode()
    slow = []
    try:
        for _ in range(250):
            found = socket.create_connection((host, port))
            found.settimeout(0.2)
            slow.append(found)
            with contextlib.suppress(TimeoutError):  # where it is not read any further
                found.sendall(head + b" " * (2 << 20))  # 500 MiB together, and none ever complete
        time.sleep(1)
        grown = process.memory_info().rss - before
        # 64 MiB of bodies, as much in buffers of 256 connections, and what the allocator makes of both.
        assert grown < 320 << 20, f"{grown >> 20} MiB"
        refused = sum(b" 429 " in _first_bytes(found) for found in slow)
        assert refused > 100
    finally:
        for found in slow:
            found.close()
    end = time.monotonic() + 30
    while Sender(host, port).send(hostile.Sent(hostile.PREDICTIONS, GOOD, {}))[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.2)


def _first_bytes(connection: socket.socket) -> bytes:
    try:
        return connection.recv(100)
    except (TimeoutError, ConnectionError):
        return b""
