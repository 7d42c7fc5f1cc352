"""Disks that are full, folders that vanish, journals that cannot be flushed: refused, told, and mended by themselves."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import counts
import httpx2
import pytest
import specs

from modelwatch.exporters import journal as journals
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.journal import segments
from modelwatch.exporters.monitor import Monitor, NotKeptError, RetiredError
from modelwatch.exporters.sidecar import NotLoadedError, Sidecar, UnknownModelError
from modelwatch.exporters.state import State
from modelwatch.exporters.telling import Telling

PATH = f"/v1/models/{specs.NAME}/predictions"


def _sidecar(root: Path, clock) -> Sidecar:  # type: ignore[no-untyped-def]
    sidecar = Sidecar(specs.fleet(specs.model()), State(root), clock)
    sidecar.load()
    return sidecar


def _accepted(root: Path, clock) -> int:  # type: ignore[no-untyped-def]
    return _sidecar(root, clock).snapshots()[0].tally.accepted


def _send(sidecar: Sidecar, seed: int = 1) -> int:
    return sidecar.ingest(specs.NAME, rows_table(specs.rows(seed, 10))).accepted


class FullDisk:
    """``os.write`` of a disk that has ``left`` bytes; other files are written as ever."""

    def __init__(self, root: Path, left: int) -> None:
        self.root, self.left, self.write = root, left, os.write

    def __call__(self, file: int, content: bytes) -> int:
        if not str(Path(f"/proc/self/fd/{file}").readlink()).startswith(str(self.root)):
            return self.write(file, content)
        if self.left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self.write(file, content[: self.left])
        self.left -= written
        return written


@pytest.mark.parametrize("left", [0, 1, 200, 700, 1500, 1501, 2000, 3000])
def test_a_full_disk_refuses_rows_and_half_a_record_is_taken_back(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, left: int
) -> None:
    sidecar = _sidecar(tmp_path, clock)
    disk = FullDisk(tmp_path, left)
    monkeypatch.setattr(journals.os, "write", disk)
    kept = 0
    refused = None
    for seed in range(200):
        try:
            kept += _send(sidecar, seed)
        except NotKeptError as error:
            refused = error
            break
    assert refused is not None
    assert str(refused) == "the rows cannot be kept on disk (no space left on device): send them again later"
    assert refused.retry_after == 5
    assert sidecar.failures()["save"] == 1
    assert "No space left on device" in caplog.text and "rows are refused until" in caplog.text
    assert sidecar.snapshots()[0].tally.accepted == kept
    # A restart now would have all that was accepted, and nothing to complain of.
    again = State(tmp_path).load(specs.NAME)
    assert again is not None and again.accepted == kept
    disk.left = 1 << 30
    assert _send(sidecar) == 10
    assert _accepted(tmp_path, clock) == kept + 10


def test_a_disk_that_stays_full_costs_no_descriptors(tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    sidecar = _sidecar(tmp_path, clock)
    disk = FullDisk(tmp_path, 0)
    monkeypatch.setattr(journals.os, "write", disk)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for left in range(300):
        disk.left = left
        with pytest.raises(NotKeptError):
            _send(sidecar)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    assert segments(tmp_path / f"{specs.NAME}.journal") == []


def test_half_a_record_that_cannot_be_taken_back_ends_its_segment(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = _sidecar(tmp_path, clock)
    _send(sidecar)
    disk = FullDisk(tmp_path, 20)
    with monkeypatch.context() as patched:
        patched.setattr(journals.os, "write", disk)
        patched.setattr(journals.os, "ftruncate", _fail)
        with pytest.raises(NotKeptError):
            _send(sidecar)
    _send(sidecar)
    assert len(segments(tmp_path / f"{specs.NAME}.journal")) == 2
    again = State(tmp_path)
    found = again.load(specs.NAME)
    assert found is not None and found.accepted == 20
    assert again.failures == {"load": 0, "save": 0}


def _fail(*_: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_a_journal_that_cannot_be_flushed_is_told_and_a_snapshot_takes_its_place(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar = _sidecar(tmp_path, clock)
    _send(sidecar)
    fsync = os.fsync

    def broken(file: int) -> None:
        if Path(f"/proc/self/fd/{file}").readlink().suffix == ".log":
            _fail()
        fsync(file)

    monkeypatch.setattr(os, "fsync", broken)
    sidecar.keep()
    assert sidecar.failures()["save"] == 1
    assert "cannot be flushed" in caplog.text
    shutil.rmtree(tmp_path / f"{specs.NAME}.journal")
    assert _accepted(tmp_path, clock) == 10


def test_a_segment_that_somebody_has_deleted_is_noticed_within_a_second(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = _sidecar(tmp_path, clock)
    _send(sidecar)
    shutil.rmtree(tmp_path / f"{specs.NAME}.journal")
    sidecar.keep()
    assert sidecar.failures()["save"] >= 1
    _send(sidecar)
    assert _accepted(tmp_path, clock) == 20


def test_a_folder_that_was_replaced_is_held_again_and_everything_saved_anew(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    root = tmp_path / "state"
    state = State(root)
    with state.held():
        sidecar = Sidecar(specs.fleet(specs.model()), state, clock)
        sidecar.load()
        _send(sidecar)
        shutil.rmtree(root)
        with pytest.raises(NotKeptError):
            for seed in range(2):
                sidecar.save()
                _send(sidecar, seed)
        sidecar.keep()
        assert sidecar.failures()["save"] >= 1
        before = sidecar.snapshots()[0].tally.accepted
        assert _send(sidecar) == 10
        assert _accepted(root, clock) == before + 10
        with pytest.raises(Exception, match="another sidecar"), State(root).held():
            pass


def test_while_another_has_the_folder_rows_are_refused_and_later_taken(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    root = tmp_path / "state"
    state = State(root)
    with state.held():
        sidecar = Sidecar(specs.fleet(specs.model()), state, clock)
        sidecar.load()
        root.rename(tmp_path / "moved")
        with State(root).held():
            sidecar.keep()
            with pytest.raises(NotKeptError, match="another sidecar"):
                _send(sidecar)
        sidecar.keep()
        assert _send(sidecar) == 10
    assert _accepted(root, clock) == 10


def test_a_folder_whose_journal_cannot_be_made_refuses_rows(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = _sidecar(tmp_path, clock)
    (tmp_path / f"{specs.NAME}.journal").write_text("in the way")
    for _ in range(3):
        with pytest.raises(NotKeptError):
            _send(sidecar)
    assert sidecar.failures() == {"load": 0, "save": 3}
    assert sidecar.snapshots()[0].tally.accepted == 0
    (tmp_path / f"{specs.NAME}.journal").unlink()
    assert _send(sidecar) == 10


def test_a_full_disk_is_told_at_each_power_of_two_alone(tmp_path: Path, clock, caplog) -> None:  # type: ignore[no-untyped-def]
    sidecar = _sidecar(tmp_path, clock)
    (tmp_path / f"{specs.NAME}.journal").write_text("in the way")
    caplog.set_level(logging.ERROR)
    for _ in range(100):
        with pytest.raises(NotKeptError):
            _send(sidecar)
    assert len(caplog.records) == 7


def test_requests_that_hold_nothing_write_nothing(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = _sidecar(tmp_path, clock)
    sidecar.ingest(specs.NAME, rows_table([]))
    assert not (tmp_path / f"{specs.NAME}.journal").exists()
    sidecar.ingest(specs.NAME, rows_table([{"features": {"hour": "x"}}]))
    assert _sidecar(tmp_path, clock).snapshots()[0].tally.rejected == 1


# --- snapshots that cannot be saved ---


@pytest.fixture
def small_journal(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(journals, "MOST_BYTES", 20_000)
    return 20_000


def _until_refused(sidecar: Sidecar, clock) -> tuple[int, NotKeptError]:  # type: ignore[no-untyped-def]
    """Ten rows a second, and the call that comes once a second: what was accepted, and why no more is."""
    kept = 0
    for seed in range(2000):
        clock.pass_(1)
        sidecar.keep()
        try:
            kept += _send(sidecar, seed)
        except NotKeptError as error:
            return kept, error
    raise AssertionError("nothing was refused")


def test_a_journal_that_no_snapshot_relieves_is_bounded_told_and_relieved_by_the_next_one(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock, small_journal: int, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar = _sidecar(tmp_path, clock)
    (tmp_path / f"{specs.NAME}.new").mkdir()  # as good as a full disk, also for root
    kept, refused = _until_refused(sidecar, clock)
    assert "no snapshot could be saved, and the journal has grown to its bound" in str(refused)
    assert "rows are refused until it can be kept" in caplog.text
    assert small_journal <= sidecar.health().journal_bytes < small_journal + 2000
    for _ in range(5):
        clock.pass_(1)
        sidecar.keep()
        with pytest.raises(NotKeptError):
            _send(sidecar)
    assert small_journal <= sidecar.health().journal_bytes < small_journal + 2000
    assert sidecar.snapshots()[0].tally.accepted == kept
    # A restart is refused as well, has all that was accepted, and takes up counting by itself once there is room.
    again = _sidecar(tmp_path, clock)
    assert again.snapshots()[0].tally.accepted == kept
    with pytest.raises(NotKeptError):
        _send(again)
    (tmp_path / f"{specs.NAME}.new").rmdir()
    clock.pass_(10)
    again.keep()
    assert _send(again) == 10
    for seed in range(100):
        clock.pass_(61)
        again.keep()
        assert _send(again, seed) == 10
    assert again.health().journal_bytes < small_journal
    assert _accepted(tmp_path, clock) == kept + 1010


def test_a_profile_that_is_replaced_does_not_make_room_in_the_journal(
    tmp_path: Path, clock, small_journal: int
) -> None:  # type: ignore[no-untyped-def]
    sidecar = _sidecar(tmp_path, clock)
    (tmp_path / f"{specs.NAME}.new").mkdir()
    kept, _ = _until_refused(sidecar, clock)
    for features in (specs.FEATURES[:2], specs.FEATURES):
        sidecar.load(specs.fleet(specs.model(features=features)))
        with pytest.raises(NotKeptError):
            _send(sidecar)
    assert sidecar.health().journal_bytes < small_journal + 2000
    assert _accepted(tmp_path, clock) == kept


def test_half_a_snapshot_takes_no_room_from_the_journal(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = _sidecar(tmp_path, clock)
    _send(sidecar)

    def broken(file: int) -> None:
        if Path(f"/proc/self/fd/{file}").readlink().suffix == ".new":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    sidecar.save()
    assert sidecar.failures()["save"] == 1
    assert not list(tmp_path.glob("*.new"))


def test_what_happens_again_after_a_while_is_told_again_however_often_it_was_before() -> None:
    now = [0.0]
    telling = Telling(lambda: now[0])

    def told(times: int) -> list[int]:
        return [found for found in (telling.times("full") for _ in range(times)) if found]

    assert told(100) == [1, 2, 4, 8, 16, 32, 64]
    assert telling.times("something else") == 1
    now[0] += 599
    assert told(28) == [128]
    now[0] += 600
    assert told(5) == [1, 2, 4]
    for number in range(5000):
        telling.times(str(number))
    assert len(telling._seen) <= 1000


# --- a monitor that is replaced while rows come in ---


def test_a_retired_monitor_counts_nothing_and_says_so(clock) -> None:  # type: ignore[no-untyped-def]
    found = counts.layout(("a", 3, 1))
    monitor = Monitor(found, clock)  # type: ignore[arg-type]
    taken = []
    monitor.retire(taken.append)
    with pytest.raises(RetiredError):
        monitor.add(counts.counted(found, 1))  # type: ignore[arg-type]
    assert taken[0].accepted == 0
    with pytest.raises(ZeroDivisionError):
        Monitor(found, clock).retire(lambda _: 1 / 0)  # type: ignore[arg-type,func-returns-value]


def test_rows_that_come_in_while_profiles_are_replaced_are_all_counted_once(tmp_path: Path) -> None:
    features = specs.FEATURES
    other = tuple(reversed(features))
    sidecar = Sidecar(specs.fleet(specs.model(features=features)), State(tmp_path))
    sidecar.load()
    sent = [0] * 3
    end = threading.Event()

    def send(place: int) -> None:
        while not end.is_set():
            sent[place] += _send(sidecar, place)

    threads = [threading.Thread(target=send, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(20):
        sidecar.load(specs.fleet(specs.model(features=other if turn % 2 == 0 else features)))
        sidecar.keep()
    end.set()
    for thread in threads:
        thread.join()
    total = sum(sent)
    assert total > 0
    (found,) = sidecar.snapshots()
    assert found.tally.accepted == total
    hour = next(w for w in found.layout.watched if w.name == "hour")
    assert hour.counts(found.tally.counters).sum() == total
    again = State(tmp_path).load(specs.NAME)
    assert again is not None and again.accepted == total
    assert (again.counters == found.tally.counters).all()


def test_a_model_that_is_removed_while_rows_come_in_keeps_what_was_accepted(tmp_path: Path) -> None:
    sidecar = Sidecar(specs.fleet(specs.model()), State(tmp_path))
    sidecar.load()
    sent = 0
    end = threading.Event()

    def send() -> None:
        nonlocal sent
        while not end.is_set():
            try:
                sent += _send(sidecar)
            except (UnknownModelError, NotLoadedError):
                continue

    thread = threading.Thread(target=send)
    thread.start()
    for _ in range(10):
        before, patience = sent, time.monotonic() + 30
        while sent == before and time.monotonic() < patience:
            time.sleep(0.001)
        sidecar.load(specs.fleet())
        sidecar.load(specs.fleet(specs.model()))
    end.set()
    thread.join()
    assert sent > 0
    assert sidecar.snapshots()[0].tally.accepted == sent
    assert sidecar.failures() == {"load": 0, "save": 0}


# --- as a process ---


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


def test_a_disk_with_room_for_the_journal_but_for_no_snapshot_refuses_rows_in_time_and_heals(  # type: ignore[no-untyped-def]
    small_disk: Path, reference: Path, wait
) -> None:
    first = Process(small_disk, reference, "127.0.0.1:0", "small")
    try:
        wait(lambda: first.client.get("/readyz").status_code == 200)
        (small_disk / f"{specs.NAME}.new").mkdir()
        kept = _full(first, (small_disk / f"{specs.NAME}.new").rmdir, wait)
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
