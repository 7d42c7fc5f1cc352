"""What is kept on disk: continued after a restart, moved aside when damaged, held by one sidecar."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import pytest
import specs
from started import counts_of, fleet_of, started

from modelwatch.exporters import snapshots
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.state import State, StateError


def test_a_restart_goes_on_where_the_last_snapshot_was(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    first = started(fleet_of(reference), tmp_path, clock)
    first.ingest(specs.NAME, rows_table([*specs.rows(1, 700), {"features": {"hour": "x"}}]))
    clock.pass_(200)
    first.ingest(specs.NAME, rows_table(specs.rows(2, 50)))
    (before,) = first.snapshots()
    clock.pass_(60)
    clock.now = 3.0  # another boot of the machine
    (after,) = started(fleet_of(reference), tmp_path, clock).snapshots()
    assert counts_of(after) == counts_of(before)
    assert (after.tally.accepted, after.tally.rejected, after.tally.last_row) == (750, 1, before.tally.last_row)


def test_windows_age_while_the_sidecar_is_down(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    first = started(fleet_of(reference), tmp_path, clock)
    first.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    first.save()
    clock.pass_(1000)
    (after,) = started(fleet_of(reference), tmp_path, clock).snapshots()
    hour = after.layout.watched[0]
    assert [int(hour.counts(after.totals[window.milliseconds]).sum()) for window in after.layout.windows] == [0, 700]
    assert hour.counts(after.tally.counters).sum() == 700


@pytest.mark.parametrize("jump", [-1e6, -1.0])
def test_a_wall_clock_that_was_set_back_ages_nothing(reference: Path, tmp_path: Path, clock, jump: float) -> None:  # type: ignore[no-untyped-def]
    first = started(fleet_of(reference), tmp_path, clock)
    first.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    clock.pass_(500)
    first.ingest(specs.NAME, rows_table(specs.rows(2, 1)))
    (before,) = first.snapshots()
    clock.epoch += jump
    again = started(fleet_of(reference), tmp_path, clock)
    (after,) = again.snapshots()
    assert counts_of(after) == counts_of(before)
    clock.pass_(430)
    (later,) = again.snapshots()
    assert [later.layout.watched[0].counts(total).sum() for total in later.totals.values()] == [1, 701]


def test_a_wall_clock_that_jumps_while_running_moves_no_window(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = started(fleet_of(reference), tmp_path, clock)
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    (before,) = sidecar.snapshots()
    clock.epoch += 1e7
    (after,) = sidecar.snapshots()
    assert counts_of(after) == counts_of(before)


def test_what_was_answered_is_on_disk_already_and_a_scrape_writes_nothing(  # type: ignore[no-untyped-def]
    reference: Path, tmp_path: Path, clock
) -> None:
    sidecar = started(fleet_of(reference), tmp_path, clock)
    for step in range(5):
        sidecar.ingest(specs.NAME, rows_table(specs.rows(step, 10)))
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        (shown,) = sidecar.snapshots()
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        kept = State(tmp_path).load(specs.NAME)
        assert kept is not None
        assert (kept.counters == shown.tally.counters).all()
        assert kept.accepted == shown.tally.accepted


def test_a_snapshot_without_news_is_not_written_again(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = started(fleet_of(reference), tmp_path, clock)
    file = tmp_path / f"{specs.NAME}.state"
    os.utime(file, (1, 1))
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 10)))
    sidecar.keep()
    assert file.stat().st_mtime == 1  # the journal has it, and the last snapshot is fresh
    clock.pass_(61)
    sidecar.keep()
    assert file.stat().st_mtime > 1
    os.utime(file, (1, 1))
    clock.pass_(61)
    sidecar.keep()
    sidecar.save()
    assert file.stat().st_mtime == 1


def test_a_snapshot_is_taken_when_the_journal_has_grown_long(  # type: ignore[no-untyped-def]
    reference: Path, tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelwatch.exporters.sidecar.SNAPSHOT_BYTES", 20_000)
    sidecar = started(fleet_of(reference), tmp_path, clock)
    largest = 0
    for step in range(300):
        sidecar.ingest(specs.NAME, rows_table(specs.rows(step, 100)))
        sidecar.keep()
        largest = max(largest, sidecar.health().journal_bytes)
    assert 20_000 < largest < 60_000
    assert sidecar.health().journal_segments <= 3
    assert sidecar.health().last_snapshot == clock.epoch
    kept = State(tmp_path).load(specs.NAME)
    assert kept is not None and kept.accepted == 30_000


def test_what_shall_outlive_a_power_cut_is_flushed_to_the_disk(  # type: ignore[no-untyped-def]
    reference: Path, tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = started(fleet_of(reference), tmp_path, clock)
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda file: flushed.append(Path(f"/proc/self/fd/{file}").readlink().name))
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 10)))
    sidecar.snapshots()
    assert not flushed
    sidecar.keep()
    (segment,) = (tmp_path / f"{specs.NAME}.journal").iterdir()
    # The segment, and the folders that name it and its folder.
    assert flushed == [segment.name, f"{specs.NAME}.journal", tmp_path.name]
    sidecar.ingest(specs.NAME, rows_table(specs.rows(2, 10)))
    sidecar.keep()
    assert flushed[3:] == [segment.name]
    sidecar.keep()
    assert flushed[4:] == []
    sidecar.save()
    assert flushed[4:] == [f"{specs.NAME}.new", tmp_path.name]


def test_an_older_snapshot_never_replaces_a_newer_one(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = started(fleet_of(reference), tmp_path, clock)
    (old,) = sidecar.snapshots()
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 10)))
    sidecar.save()
    assert sidecar._state is not None
    assert sidecar._state.save(old.tally, specs.NAME)
    assert snapshots.decoded((tmp_path / f"{specs.NAME}.state").read_bytes()).accepted == 10


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:100] + b"9" + content[101:],
        lambda content: b"\0" * len(content),
        lambda content: _signed(b"{}"),
        lambda content: _signed(b"[]"),
    ],
)
def test_a_damaged_snapshot_is_moved_aside_counted_told_and_costs_nothing(  # type: ignore[no-untyped-def]
    reference: Path, tmp_path: Path, clock, caplog: pytest.LogCaptureFixture, damage
) -> None:
    first = started(fleet_of(reference), tmp_path, clock)
    for step in range(3):
        first.ingest(specs.NAME, rows_table(specs.rows(step, 10)))
        first.save()
    first.ingest(specs.NAME, rows_table(specs.rows(9, 10)))
    (before,) = first.snapshots()
    file = tmp_path / f"{specs.NAME}.state"
    file.write_bytes(damage(file.read_bytes()))
    damaged = file.read_bytes()
    caplog.set_level(logging.ERROR)
    again = started(fleet_of(reference), tmp_path, clock)
    (after,) = again.snapshots()
    assert after.tally.accepted == 40
    assert counts_of(after) == counts_of(before)
    assert again.failures() == {"load": 1, "save": 0}
    assert (tmp_path / f"{specs.NAME}.corrupt").read_bytes() == damaged
    assert f"{specs.NAME}.state" in caplog.text and "counting goes on from what else is kept" in caplog.text
    assert again.readiness().ready


def test_with_both_snapshots_damaged_the_journal_counts_and_what_it_lacks_is_told(  # type: ignore[no-untyped-def]
    reference: Path, tmp_path: Path, clock, caplog: pytest.LogCaptureFixture
) -> None:
    first = started(fleet_of(reference), tmp_path, clock)
    for step in range(5):
        first.ingest(specs.NAME, rows_table(specs.rows(step, 10)))
        first.save()
    for suffix in ("state", "previous"):
        (tmp_path / f"{specs.NAME}.{suffix}").write_text("damaged")
    again = started(fleet_of(reference), tmp_path, clock)
    assert again.snapshots()[0].tally.accepted == 10
    assert again.failures() == {"load": 3, "save": 0}
    assert "goes on with request 5: up to 4 requests before it are not counted" in caplog.text
    again.ingest(specs.NAME, rows_table(specs.rows(7, 10)))
    assert started(fleet_of(reference), tmp_path, clock).snapshots()[0].tally.accepted == 20


def _signed(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def test_a_snapshot_that_cannot_be_saved_is_counted_and_nothing_is_lost(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = started(fleet_of(reference), tmp_path, clock)
    (tmp_path / f"{specs.NAME}.new").mkdir()  # as good as a full disk, also for root
    for step in range(4):
        sidecar.ingest(specs.NAME, rows_table(specs.rows(step, 10)))
        clock.pass_(61)
        sidecar.keep()
        sidecar.keep()  # not again at once
    assert sidecar.failures() == {"load": 0, "save": 4}
    kept = State(tmp_path).load(specs.NAME)
    assert kept is not None and kept.accepted == 40
    (tmp_path / f"{specs.NAME}.new").rmdir()
    clock.pass_(11)
    sidecar.keep()
    assert snapshots.decoded((tmp_path / f"{specs.NAME}.state").read_bytes()).accepted == 40
    assert sidecar.failures() == {"load": 0, "save": 4}


def test_one_sidecar_holds_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "state"
    refused = pytest.raises(StateError, match=rf"another sidecar \(process {os.getpid()}\)")
    with State(root).held(), refused, State(root).held():
        pass
    with State(root).held():
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StateError, match="choose another folder with --state"),
        State(tmp_path / "file" / "state").held(),
    ):
        pass
