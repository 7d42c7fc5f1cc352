"""Disks that are full, folders that vanish, journals that cannot be flushed: refused, told, and mended by themselves."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from pathlib import Path

import pytest
import specs
from faults import accepted, fail, ingest_ten, sidecar_of

from modelwatch.exporters import journal as journals
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.journal import segments
from modelwatch.exporters.monitor import NotKeptError
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.state import State
from modelwatch.exporters.telling import Telling


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
    sidecar = sidecar_of(tmp_path, clock)
    disk = FullDisk(tmp_path, left)
    monkeypatch.setattr(journals.os, "write", disk)
    kept = 0
    refused = None
    for seed in range(200):
        try:
            kept += ingest_ten(sidecar, seed)
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
    assert ingest_ten(sidecar) == 10
    assert accepted(tmp_path, clock) == kept + 10


def test_a_disk_that_stays_full_costs_no_descriptors(tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    sidecar = sidecar_of(tmp_path, clock)
    disk = FullDisk(tmp_path, 0)
    monkeypatch.setattr(journals.os, "write", disk)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for left in range(300):
        disk.left = left
        with pytest.raises(NotKeptError):
            ingest_ten(sidecar)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    assert segments(tmp_path / f"{specs.NAME}.journal") == []


def test_half_a_record_that_cannot_be_taken_back_ends_its_segment(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = sidecar_of(tmp_path, clock)
    ingest_ten(sidecar)
    disk = FullDisk(tmp_path, 20)
    with monkeypatch.context() as patched:
        patched.setattr(journals.os, "write", disk)
        patched.setattr(journals.os, "ftruncate", fail)
        with pytest.raises(NotKeptError):
            ingest_ten(sidecar)
    ingest_ten(sidecar)
    assert len(segments(tmp_path / f"{specs.NAME}.journal")) == 2
    again = State(tmp_path)
    found = again.load(specs.NAME)
    assert found is not None and found.accepted == 20
    assert again.failures == {"load": 0, "save": 0}


def test_a_journal_that_cannot_be_flushed_is_told_and_a_snapshot_takes_its_place(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar = sidecar_of(tmp_path, clock)
    ingest_ten(sidecar)
    fsync = os.fsync

    def broken(file: int) -> None:
        if Path(f"/proc/self/fd/{file}").readlink().suffix == ".log":
            fail()
        fsync(file)

    monkeypatch.setattr(os, "fsync", broken)
    sidecar.keep()
    assert sidecar.failures()["save"] == 1
    assert "cannot be flushed" in caplog.text
    shutil.rmtree(tmp_path / f"{specs.NAME}.journal")
    assert accepted(tmp_path, clock) == 10


def test_a_segment_that_somebody_has_deleted_is_noticed_within_a_second(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = sidecar_of(tmp_path, clock)
    ingest_ten(sidecar)
    shutil.rmtree(tmp_path / f"{specs.NAME}.journal")
    sidecar.keep()
    assert sidecar.failures()["save"] >= 1
    ingest_ten(sidecar)
    assert accepted(tmp_path, clock) == 20


def test_a_folder_that_was_replaced_is_held_again_and_everything_saved_anew(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    root = tmp_path / "state"
    state = State(root)
    with state.held():
        sidecar = Sidecar(specs.fleet(specs.model()), state, clock)
        sidecar.load()
        ingest_ten(sidecar)
        shutil.rmtree(root)
        with pytest.raises(NotKeptError):
            for seed in range(2):
                sidecar.save()
                ingest_ten(sidecar, seed)
        sidecar.keep()
        assert sidecar.failures()["save"] >= 1
        before = sidecar.snapshots()[0].tally.accepted
        assert ingest_ten(sidecar) == 10
        assert accepted(root, clock) == before + 10
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
                ingest_ten(sidecar)
        sidecar.keep()
        assert ingest_ten(sidecar) == 10
    assert accepted(root, clock) == 10


def test_a_folder_whose_journal_cannot_be_made_refuses_rows(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = sidecar_of(tmp_path, clock)
    (tmp_path / f"{specs.NAME}.journal").write_text("in the way")
    for _ in range(3):
        with pytest.raises(NotKeptError):
            ingest_ten(sidecar)
    assert sidecar.failures() == {"load": 0, "save": 3}
    assert sidecar.snapshots()[0].tally.accepted == 0
    (tmp_path / f"{specs.NAME}.journal").unlink()
    assert ingest_ten(sidecar) == 10


def test_a_full_disk_is_told_at_each_power_of_two_alone(tmp_path: Path, clock, caplog) -> None:  # type: ignore[no-untyped-def]
    sidecar = sidecar_of(tmp_path, clock)
    (tmp_path / f"{specs.NAME}.journal").write_text("in the way")
    caplog.set_level(logging.ERROR)
    for _ in range(100):
        with pytest.raises(NotKeptError):
            ingest_ten(sidecar)
    assert len(caplog.records) == 7


def test_requests_that_hold_nothing_write_nothing(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = sidecar_of(tmp_path, clock)
    sidecar.ingest(specs.NAME, rows_table([]))
    assert not (tmp_path / f"{specs.NAME}.journal").exists()
    sidecar.ingest(specs.NAME, rows_table([{"features": {"hour": "x"}}]))
    assert sidecar_of(tmp_path, clock).snapshots()[0].tally.rejected == 1


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
            kept += ingest_ten(sidecar, seed)
        except NotKeptError as error:
            return kept, error
    raise AssertionError("nothing was refused")


def test_a_journal_that_no_snapshot_relieves_is_bounded_told_and_relieved_by_the_next_one(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock, small_journal: int, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar = sidecar_of(tmp_path, clock)
    (tmp_path / f"{specs.NAME}.new").mkdir()  # as good as a full disk, also for root
    kept, refused = _until_refused(sidecar, clock)
    assert "no snapshot could be saved, and the journal has grown to its bound" in str(refused)
    assert "rows are refused until it can be kept" in caplog.text
    assert small_journal <= sidecar.health().journal_bytes < small_journal + 2000
    for _ in range(5):
        clock.pass_(1)
        sidecar.keep()
        with pytest.raises(NotKeptError):
            ingest_ten(sidecar)
    assert small_journal <= sidecar.health().journal_bytes < small_journal + 2000
    assert sidecar.snapshots()[0].tally.accepted == kept
    # A restart is refused as well, has all that was accepted, and takes up counting by itself once there is room.
    again = sidecar_of(tmp_path, clock)
    assert again.snapshots()[0].tally.accepted == kept
    with pytest.raises(NotKeptError):
        ingest_ten(again)
    (tmp_path / f"{specs.NAME}.new").rmdir()
    clock.pass_(10)
    again.keep()
    assert ingest_ten(again) == 10
    for seed in range(100):
        clock.pass_(61)
        again.keep()
        assert ingest_ten(again, seed) == 10
    assert again.health().journal_bytes < small_journal
    assert accepted(tmp_path, clock) == kept + 1010


def test_a_profile_that_is_replaced_does_not_make_room_in_the_journal(
    tmp_path: Path, clock, small_journal: int
) -> None:  # type: ignore[no-untyped-def]
    sidecar = sidecar_of(tmp_path, clock)
    (tmp_path / f"{specs.NAME}.new").mkdir()
    kept, _ = _until_refused(sidecar, clock)
    for features in (specs.FEATURES[:2], specs.FEATURES):
        sidecar.load(specs.fleet(specs.model(features=features)))
        with pytest.raises(NotKeptError):
            ingest_ten(sidecar)
    assert sidecar.health().journal_bytes < small_journal + 2000
    assert accepted(tmp_path, clock) == kept


def test_half_a_snapshot_takes_no_room_from_the_journal(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = sidecar_of(tmp_path, clock)
    ingest_ten(sidecar)

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
