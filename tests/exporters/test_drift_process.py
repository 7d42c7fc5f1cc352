"""The sidecar as a process: signals, restarts, kills, and two of them in one folder."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import specs

from modelwatch.exporters.listening import ListenError, is_loopback, parse_listen

SERVE = Path(__file__).parent / "serve.py"
PATH = f"/v1/models/{specs.NAME}/predictions"


class Process:
    """A sidecar of its own, and a client of it."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVE), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.client = httpx2.Client(base_url=self.url or "http://unused", timeout=30)

    def ready(self) -> Process:
        while self.client.get("/readyz").status_code != 200:
            time.sleep(0.02)
        return self

    def send(self, seed: int, count: int) -> None:
        assert self.client.post(PATH, json={"rows": specs.rows(seed, count)}).json()["accepted"] == count

    def counters(self) -> dict[str, float]:
        found = {}
        for line in self.client.get("/metrics").text.splitlines():
            if re.match(r"model_feature_values_total|modelwatch_exporter_rows_total|model_drift_samples", line):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def end(self, with_: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and what it logged."""
        self.client.close()
        self.process.send_signal(with_)
        _, log = self.process.communicate(timeout=60)
        return self.process.returncode, log


@pytest.fixture
def start() -> Iterator[type[Process]]:
    started: list[Process] = []

    class Started(Process):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            started.append(self)

    yield Started
    for found in started:
        found.client.close()
        if found.process.poll() is None:
            found.process.kill()
        found.process.communicate()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_graceful_end_is_exit_0_and_keeps_every_row(
    start, tmp_path: Path, reference: Path, end: signal.Signals
) -> None:  # type: ignore[no-untyped-def]
    first = start(tmp_path, reference).ready()
    first.send(1, 700)
    before = first.counters()
    first.send(2, 50)
    code, log = first.end(end)
    assert code == 0
    assert "Traceback" not in log
    after = start(tmp_path, reference).ready().counters()
    assert after.keys() == before.keys()
    assert after['modelwatch_exporter_rows_total{model="flight-delay",outcome="accepted"}'] == 750
    assert after['model_drift_samples{feature="hour",model="flight-delay",window="1h"}'] == 750


def test_after_a_kill_every_counter_and_window_goes_on(start, tmp_path: Path, reference: Path) -> None:  # type: ignore[no-untyped-def]
    first = start(tmp_path, reference).ready()
    for step in range(5):
        first.send(step, 100)
    shown = first.counters()
    first.end(signal.SIGKILL)
    again = start(tmp_path, reference).ready()
    assert again.counters() == shown
    again.send(9, 30)
    again.end(signal.SIGKILL)
    after = start(tmp_path, reference).ready().counters()
    assert after['modelwatch_exporter_rows_total{model="flight-delay",outcome="accepted"}'] == 530
    assert after['model_drift_samples{feature="hour",model="flight-delay",window="15m"}'] == 530


def test_a_second_sidecar_in_the_same_folder_ends_with_one_clear_line(start, tmp_path: Path, reference: Path) -> None:  # type: ignore[no-untyped-def]
    first = start(tmp_path, reference).ready()
    second = start(tmp_path, reference)
    _, log = second.process.communicate(timeout=60)
    assert second.process.returncode == 2
    assert f"another sidecar (process {first.process.pid}) keeps its state here" in log
    assert len(log.splitlines()) == 1


def test_a_port_that_is_taken_ends_with_one_clear_line(start, tmp_path: Path, reference: Path) -> None:  # type: ignore[no-untyped-def]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        found = start(tmp_path, reference, address)
        _, log = found.process.communicate(timeout=60)
    assert found.process.returncode == 2
    assert f"cannot listen on {address}: address already in use; choose another address with --listen" in log
    assert "Traceback" not in log


def test_listening_beyond_the_loopback_is_warned_of(start, tmp_path: Path, reference: Path) -> None:  # type: ignore[no-untyped-def]
    found = start(tmp_path, reference, "0.0.0.0:0")
    assert found.url.startswith("http://0.0.0.0:")
    assert "WARNING listening on 0.0.0.0:0: whoever reaches it" in found.end()[1]


def test_hup_takes_up_new_data_and_keeps_counting(start, tmp_path: Path, reference: Path, wait) -> None:  # type: ignore[no-untyped-def]
    data = tmp_path / "data.csv"
    data.write_bytes(reference.read_bytes())
    found = start(tmp_path / "state", data).ready()
    found.send(1, 300)
    before = found.client.get("/v1/models").json()["models"][0]["reference"]
    data.write_bytes(reference.read_bytes() + b"3,900,UA,late,0.5\n" * 500)
    found.process.send_signal(signal.SIGHUP)
    wait(lambda: found.client.get("/v1/models").json()["models"][0]["reference"] != before)
    after = found.client.get("/v1/models").json()["models"][0]
    assert after["reference"]["rows"] == 2500
    assert after["rows"]["accepted"] == 300
    data.write_text("broken\n1\n")
    found.process.send_signal(signal.SIGHUP)
    wait(lambda: found.client.get("/readyz").status_code == 503)
    assert "no column for" in found.client.get("/readyz").json()["missing"][specs.NAME]
    found.send(2, 10)
    code, log = found.end()
    assert (code, "Traceback" in log) == (0, False)


def test_a_damaged_state_is_told_on_metrics_and_in_the_log(start, tmp_path: Path, reference: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / f"{specs.NAME}.state").write_text("damaged")
    found = start(tmp_path, reference).ready()
    assert 'modelwatch_exporter_state_failures_total{operation="load"} 1.0' in found.client.get("/metrics").text
    assert "is damaged" in found.end()[1]


def test_it_ends_at_once_while_a_profile_is_being_built(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pipe = tmp_path / "endless.csv"
    os.mkfifo(pipe)  # a file whose reading never ends
    found = start(tmp_path / "state", pipe)
    assert found.client.get("/readyz").status_code == 503
    assert found.end()[0] == 0


def test_its_own_health_is_on_metrics(start, tmp_path: Path, reference: Path) -> None:  # type: ignore[no-untyped-def]
    text = start(tmp_path, reference).ready().client.get("/metrics").text
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "python_info"):
        assert re.search(rf"^{name}[ {{]", text, re.MULTILINE)


def test_the_profile_is_kept_in_the_state_folder_as_readable_json(start, tmp_path: Path, reference: Path) -> None:  # type: ignore[no-untyped-def]
    start(tmp_path, reference).ready()
    (kept,) = (tmp_path / "profiles" / specs.NAME).glob("*.json")
    assert json.loads(kept.read_text())["rows"] == 2000


@pytest.mark.parametrize(
    "text", ["", "9180", ":9180", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1", "h:٣"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ListenError, match="write host:port"):
        parse_listen(text)


def test_addresses_are_parsed_and_told_from_the_loopback() -> None:
    assert parse_listen("127.0.0.1:9180") == ("127.0.0.1", 9180)
    assert parse_listen("[::1]:0") == ("::1", 0)
    assert [
        is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost", "0.0.0.0", "::", "example.org")
    ] == [
        *[True] * 4,
        *[False] * 3,
    ]
