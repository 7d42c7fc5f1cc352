"""A sidecar as a process, on a disk that is really full or has a limit."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import specs

from modelwatch.exporters.state import State

PATH = f"/v1/models/{specs.NAME}/predictions"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB, where this may mount one."""
    root = tmp_path / "disk"
    root.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(root)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("mounting takes root; the disk of test_a_full_disk_refuses_rows_... is full without")
    yield root
    subprocess.run(["umount", "-l", str(root)], check=True)


class Process:
    def __init__(self, *arguments: object) -> None:
        script = str(Path(__file__).parent / "serve.py")
        self.process = subprocess.Popen(
            [sys.executable, script, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.client = httpx2.Client(base_url=self.process.stdout.readline().strip(), timeout=30)

    def send(self, seed: int) -> httpx2.Response:
        return self.client.post(PATH, json={"rows": specs.rows(seed, 10)})

    def metric(self, name: str) -> float:
        text = self.client.get("/metrics").text
        return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return specs.write_reference(tmp_path / "reference.csv", 2000)


def _full(process: Process, room, wait) -> int:  # type: ignore[no-untyped-def]
    """Sends until the disk is full, sees it refused and told, calls ``room``, and sees it mended: rows accepted."""
    wait(lambda: process.client.get("/readyz").status_code == 200)
    kept = 0
    while (answer := process.send(kept)).status_code == 200:
        kept += answer.json()["accepted"]
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "5"
    assert "cannot be kept on disk" in answer.json()["error"]
    assert process.metric('modelwatch_exporter_state_failures_total{operation="save"}') >= 1
    assert process.metric('modelwatch_exporter_rows_total{model="flight-delay",outcome="accepted"}') == kept
    assert process.client.get("/v1/models").json()["models"][0]["rows"]["accepted"] == kept
    room()
    wait(lambda: process.send(kept).status_code == 200)
    return int(process.metric('modelwatch_exporter_rows_total{model="flight-delay",outcome="accepted"}'))


def test_a_disk_that_is_really_full_costs_nothing_that_was_acknowledged(  # type: ignore[no-untyped-def]
    small_disk: Path, reference: Path, wait
) -> None:
    (small_disk / "other").write_bytes(b"x" * 180_000)
    first = Process(small_disk, reference)
    try:
        kept = _full(first, (small_disk / "other").unlink, wait)
    finally:
        first.process.kill()
        log = first.process.communicate()[1]
    assert "Traceback" not in log and "no space left on device" in log.lower()
    # Nor is a disk that is full at the start a reason not to count and answer.
    with (small_disk / "more").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    second = Process(small_disk, reference)
    try:
        wait(lambda: second.client.get("/readyz").status_code == 200)
        assert second.send(1).status_code == 429
        assert second.metric('modelwatch_exporter_rows_total{model="flight-delay",outcome="accepted"}') == kept
        assert second.metric('modelwatch_exporter_state_failures_total{operation="load"}') == 0
    finally:
        second.process.kill()
        second.process.communicate()


def _taken(path: Path) -> bool:
    """A folder where the next snapshot would be written; not while one is."""
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def test_a_disk_with_room_for_the_journal_but_for_no_snapshot_refuses_rows_in_time_and_heals(  # type: ignore[no-untyped-def]
    small_disk: Path, reference: Path, wait
) -> None:
    first = Process(small_disk, reference, "127.0.0.1:0", "small")
    try:
        wait(lambda: first.client.get("/readyz").status_code == 200)
        wait(lambda: _taken(small_disk / f"{specs.NAME}.new"))
        failed = 'modelwatch_exporter_state_failures_total{operation="save"}'

        def room() -> None:
            # Nobody sends rows meanwhile: what fails is a snapshot.
            before = first.metric(failed)
            wait(lambda: first.metric(failed) > before)
            (small_disk / f"{specs.NAME}.new").rmdir()

        kept = _full(first, room, wait)
        assert 20_000 < first.metric("modelwatch_exporter_journal_bytes") < 25_000
        wait(lambda: first.metric("modelwatch_exporter_last_snapshot_timestamp_seconds") > time.time() - 60)
    finally:
        first.process.kill()
        log = first.process.communicate()[1]
    assert "no snapshot could be saved, and the journal has grown to its bound" in log
    assert "flight-delay.state: cannot be saved" in log and "Traceback" not in log
    again = State(small_disk).load(specs.NAME)
    assert again is not None and again.accepted == kept


def test_offsets_that_cannot_be_read_are_told_as_a_failure_to_load(tmp_path: Path, reference: Path, wait) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "offsets.json").write_text("damaged")
    row = '{"model": "flight-delay", "features": {"hour": 7}}\n'
    (tmp_path / "one.jsonl").write_text(3 * row)
    found = Process(tmp_path / "state", reference, "127.0.0.1:0", "", tmp_path)
    try:
        wait(lambda: found.client.get("/readyz").status_code == 200)
        wait(lambda: found.metric('modelwatch_exporter_rows_total{model="flight-delay",outcome="accepted"}') == 3)
        assert found.metric('modelwatch_exporter_state_failures_total{operation="load"}') == 1
    finally:
        found.process.kill()
        log = found.process.communicate()[1]
    assert "offsets.json: cannot be read" in log and "are read from their beginning, and count again" in log


def test_a_limit_on_files_is_as_good_as_a_full_disk(tmp_path: Path, reference: Path, wait) -> None:  # type: ignore[no-untyped-def]
    found = Process(tmp_path / "state", reference)
    try:
        wait(lambda: found.client.get("/readyz").status_code == 200)
        pid = found.process.pid
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (15_000, hard))
        kept = _full(found, lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard)), wait)
        found.process.terminate()
        assert "Traceback" not in found.process.communicate(timeout=60)[1]
        assert found.process.returncode == 0
    finally:
        if found.process.poll() is None:
            found.process.kill()
            found.process.communicate()
    again = State(tmp_path / "state").load(specs.NAME)
    assert again is not None and again.accepted == kept
