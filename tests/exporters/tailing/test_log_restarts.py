"""Prediction logs over kills, restarts and lost machines: what was counted is known, and counts once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from modelwatch.exporters.tailing import follower, known, positions
from modelwatch.exporters.tailing.tailer import GRACE_SECONDS, SAVE_SECONDS, Tailer

from .tailed import Book, Killed, Turned, append, drained, kept_positions, line, lines, once, tailer


def test_a_restart_goes_on_where_the_last_process_stopped(tmp_path: Path, book: Book, clock: Turned) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    append(one, lines(1, 2) + line(3)[:9])
    append(two, lines("a"))
    first = tailer(tmp_path, book, clock)
    drained(first)
    first.close()
    append(one, line(3)[9:])
    append(two, lines("b"))
    two.rename(tmp_path / "two.jsonl.1")  # rotated while nobody looked
    append(two, lines("c"))
    drained(tailer(tmp_path, book, clock))
    assert book.ids == once(1, 2, 3, "a", "b", "c")


def test_a_kill_after_a_poll_counts_nothing_twice(tmp_path: Path, book: Book, clock: Turned) -> None:
    append(tmp_path / "one.jsonl", lines(*range(100)))
    tailer(tmp_path, book, clock).poll()  # never closed
    drained(tailer(tmp_path, book, clock))
    assert book.ids == once(*range(100))


def test_a_folder_that_goes_away_for_a_while_is_not_read_again(tmp_path: Path, book: Book, clock: Turned) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    append(volume / "one.jsonl", lines(1, 2))
    found = tailer(tmp_path, book, clock, str(volume / "*.jsonl"))
    drained(found)
    volume.rename(tmp_path / "away")
    for _ in range(3):
        clock.now += 2 * GRACE_SECONDS
        drained(found)
    (tmp_path / "away").rename(volume)
    append(volume / "one.jsonl", lines(3))
    drained(found)
    assert book.ids == once(1, 2, 3)


def test_a_damaged_file_of_offsets_is_told_and_reading_starts_anew(tmp_path: Path, book: Book, clock: Turned) -> None:
    append(tmp_path / "one.jsonl", lines(1))
    damages = ["{", "[]", "{}", '{"format": "modelwatch.offsets/1", "files": [{}]}', '{"format": "a.b/9", "files": []}']
    for damage in damages:
        (tmp_path / "offsets.json").write_text(damage)
        found = tailer(tmp_path, book, clock)
        drained(found)
        found.close()
    assert len(book.failures) == len(damages)
    assert all("are read from their beginning, and count again" in failure for failure in book.failures)
    assert "was written by another version of modelwatch (format 'a.b/9'" in book.failures[-1]
    assert book.ids == Counter({1: len(damages)})
    assert kept_positions(tmp_path)[0].offset == len(line(1))


def test_a_kill_just_before_or_after_any_rows_are_counted_counts_every_row_once(
    tmp_path: Path, book: Book, clock: Turned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty runs: two logs of two models each, rotated by renaming and by copying, and a kill every few steps."""
    monkeypatch.setattr(follower, "STEP_BYTES", 500)
    for run in range(20):
        folder = tmp_path / str(run)
        folder.mkdir()
        dice = random.Random(run)
        book.ids.clear()
        renamed, copied = folder / "a.jsonl", folder / "b.jsonl"
        rotations = written = 0

        def start(folder: Path = folder, dice: random.Random = dice) -> Tailer:
            book.dies_in = dice.choice([-1, dice.randrange(1, 12)])
            return tailer(folder, book, clock, str(folder / "*.jsonl*"))

        found = start()

        def look() -> bool:
            nonlocal found
            try:
                return found.poll()
            except Killed:
                found = start()
                return True

        def maybe_look(dice: random.Random = dice) -> None:
            if dice.random() < 0.5:
                look()

        for _ in range(300):
            match dice.choice(["write"] * 4 + ["look"] * 4 + ["rename", "copy", "restart", "pause"]):
                case "write":
                    for _ in range(dice.randrange(6)):
                        append(dice.choice([renamed, copied]), line(f"{run}-{written}", dice.choice(["m", "n"])))
                        written += 1
                case "look":
                    look()
                case "rename" if renamed.exists():
                    rotations += 1
                    renamed.rename(folder / f"a.jsonl.{rotations}")
                case "copy" if copied.exists():
                    rotations += 1
                    name = dice.choice(["b.jsonl.{}", "b.{}.jsonl", "b-{}.jsonl", "a{}.jsonl", "z{}.jsonl"])
                    shutil.copy(copied, folder / name.format(rotations))
                    maybe_look()
                    os.truncate(copied, 0)
                    maybe_look()
                case "restart":
                    found = start()
                case "pause":
                    clock.now += dice.random() * 2 * GRACE_SECONDS
        book.dies_in = -1
        for _ in range(4):
            while look():
                pass
            clock.now += GRACE_SECONDS + 1
        assert book.ids == once(*(f"{run}-{number}" for number in range(written))), run


def test_what_is_kept_goes_before_the_rows_that_it_is_of(tmp_path: Path, book: Book, clock: Turned) -> None:
    """Where it cannot be written what a file is called by, a kill would make its rows count again: they wait."""
    log = tmp_path / "one.jsonl"
    append(log, lines(1))
    found = tailer(tmp_path, book, clock)
    (tmp_path / "offsets.new").mkdir()  # as good as a full disk, also for root
    for _ in range(5):
        found.poll()
    assert book.ids == once()
    assert book.failures == ["save offsets.json: cannot be written (Is a directory); logs wait"]
    (tmp_path / "offsets.new").rmdir()
    clock.now += SAVE_SECONDS
    drained(found)
    assert book.ids == once(1)
    book.flushes = False
    clock.now += SAVE_SECONDS
    append(log, lines(2))
    drained(found)
    append(log, lines(3))
    drained(found)
    assert book.ids == once(1, 2), "nothing is read on while what was counted may not outlive the machine"
    book.flushes = True
    clock.now += SAVE_SECONDS
    drained(found)
    assert book.ids == once(1, 2, 3)


def test_what_is_kept_is_never_ahead_of_what_outlives_the_machine(tmp_path: Path, book: Book, clock: Turned) -> None:
    log = tmp_path / "one.jsonl"
    append(log, lines(1))
    found = tailer(tmp_path, book, clock)
    drained(found)
    clock.now += SAVE_SECONDS
    found.poll()
    assert kept_positions(tmp_path)[0].offset == len(lines(1))
    book.flushes = False
    append(log, lines(2))
    drained(found)
    clock.now += SAVE_SECONDS
    found.poll()
    assert book.ids == once(1, 2)
    assert kept_positions(tmp_path)[0].offset == len(lines(1))


@pytest.mark.parametrize("zeros", [False, True], ids=["short", "zeros"])
@pytest.mark.parametrize("settled", [False, True], ids=["read on", "settled"])
@pytest.mark.parametrize("lost", [0, 1, 30, 61, 150, 1000])
def test_a_machine_that_stopped_and_took_the_end_of_a_log_with_it_makes_nothing_count_twice(
    tmp_path: Path, book: Book, clock: Turned, lost: int, zeros: bool, settled: bool
) -> None:
    log = tmp_path / "one.jsonl"
    first = tailer(tmp_path, book, clock, boot="one")
    for number in range(0, 60, 20):
        append(log, "".join(line(id, "mn"[id % 2]) for id in range(number, number + 20)))
        drained(first)
        clock.now += SAVE_SECONDS * (number == 0 or settled)
        first.poll()
    whole = log.read_bytes()
    log.write_bytes(whole[: len(whole) - lost] + bytes(lost) * zeros)
    counted = dict(book.ids)
    for number in range(3):
        # It may be killed again at once, and stop again.
        drained(tailer(tmp_path, book, clock, boot=f"two {number // 2}"))
        assert book.ids == counted
    append(log, "\n" + "".join(line(id, "m") for id in range(100, 110)))
    drained(tailer(tmp_path, book, clock, boot="two 1"))
    append(log, lines(200) + line(201, "n"))
    drained(tailer(tmp_path, book, clock, boot="two 1"))
    assert book.ids == once(*range(60), *range(100, 110), 200, 201)


@pytest.mark.parametrize("boot", ["one", "two"])
def test_a_volume_that_is_mounted_again_by_another_number_is_read_on(
    tmp_path: Path, book: Book, clock: Turned, boot: str
) -> None:
    """As it is on another node, or after the machine has started anew."""
    for name in "ab":
        append(tmp_path / f"{name}.jsonl", lines(f"{name} 1", f"{name} 2"))
    first = tailer(tmp_path, book, clock, boot="one")
    drained(first)
    first.close()
    moved = [dataclasses.replace(found, device=found.device + 1) for found in kept_positions(tmp_path)]
    positions.save(tmp_path / "offsets.json", moved, [])
    append(tmp_path / "a.jsonl", lines("a 3"))
    drained(tailer(tmp_path, book, clock, boot=boot))
    assert book.ids == once("a 1", "a 2", "a 3", "b 1", "b 2")
    assert {found.device for found in kept_positions(tmp_path)} == {tmp_path.stat().st_dev}


def test_of_files_that_went_away_the_last_ones_are_remembered_and_of_files_that_stay_all(
    tmp_path: Path, book: Book, clock: Turned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_MOST_GONE", 3)
    found = tailer(tmp_path, book, clock)
    for number in range(20):
        append(tmp_path / f"{number}.jsonl", lines(number))
        drained(found)
        if number % 2:
            (tmp_path / f"{number}.jsonl").unlink()
        clock.now += GRACE_SECONDS
        drained(found)
    clock.now += 2 * GRACE_SECONDS
    drained(found)
    found.close()
    names = [int(Path(position.path).stem) for position in kept_positions(tmp_path)]
    stay = [number for number in names if number % 2 == 0]
    assert sorted(stay) == list(range(0, 20, 2))
    assert len(names) <= len(stay) + 3
    assert book.ids == once(*range(20))


def test_a_file_of_offsets_that_somebody_has_deleted_is_written_again(
    tmp_path: Path, book: Book, clock: Turned
) -> None:
    append(tmp_path / "one.jsonl", lines(1))
    found = tailer(tmp_path, book, clock)
    drained(found)
    (tmp_path / "offsets.json").unlink()
    clock.now += SAVE_SECONDS
    found.poll()
    drained(tailer(tmp_path, book, clock))
    assert book.ids == once(1)


def test_positions_of_the_first_version_are_read(tmp_path: Path, book: Book, clock: Turned) -> None:
    log = tmp_path / "one.jsonl"
    append(log, lines(1, 2))
    state = log.stat()
    first = {"path": str(log), "device": state.st_dev, "inode": state.st_ino, "offset": len(line(1)), "head": 10}
    first["digest"] = hashlib.sha256(line(1)[:10].encode()).hexdigest()
    (tmp_path / "offsets.json").write_text(json.dumps({"format": "modelwatch.offsets/1", "files": [first]}))
    drained(tailer(tmp_path, book, clock))
    assert book.ids == once(2)
    assert book.failures == []
