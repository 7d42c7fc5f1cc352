"""Prediction logs on a shared volume: each line counts once, over rotation, partial lines and restarts."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import itertools
import json
import os
import random
import shutil
import threading
from collections import Counter
from pathlib import Path

import pytest

from modelwatch.exporters.ingest import Table
from modelwatch.exporters.ledger import Mark
from modelwatch.exporters.tailing import follower, known, positions
from modelwatch.exporters.tailing.follower import STEP_BYTES, STEP_LINES
from modelwatch.exporters.tailing.positions import HEAD_BYTES
from modelwatch.exporters.tailing.tailer import GRACE_SECONDS, LATER_SECONDS, SAVE_SECONDS, LaterError, Tailer


class Book:
    """Counts rows by their id, as the sidecar would, which outlives kills; ``later`` models are not ready."""

    def __init__(self) -> None:
        self.ids: Counter[object] = Counter()
        self.models: Counter[str] = Counter()
        self.rejected = 0
        self.later: set[str] = set()
        self.marks: dict[tuple[str, int], Mark] = {}
        self.flushes = True
        self.dies_in = -1
        self.failures: list[str] = []

    def mark(self, model: str, file: int) -> Mark | None:
        if model in self.later:
            raise LaterError("loading")
        if model.startswith("unknown"):
            raise KeyError(model)
        return self.marks.get((model, file))

    def flush(self) -> bool:
        return self.flushes

    def failed(self, operation: str, path: Path, reason: str) -> None:
        self.failures.append(f"{operation} {path.name}: {reason}")

    def count(self, model: str, table: Table, mark: Mark) -> None:
        self.dies_in -= 1
        if self.dies_in == 0:
            raise Killed
        before = self.marks.get((model, mark.file))
        assert before is None or before.offset < mark.offset
        self.marks[model, mark.file] = mark
        self.rejected += len(table.rejected(["x"]))
        self.ids.update(table.ids() or [])
        self.models[model] += table.rows
        self.dies_in -= 1
        if self.dies_in == 0:
            raise Killed


class Killed(BaseException):
    """The process is no more; what it had written is there."""


class Turned:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine stops here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def clock() -> Turned:
    return Turned()


def line(id: object, model: str = "m") -> str:
    return json.dumps({"model": model, "id": id, "features": {"x": 1}}) + "\n"


def lines(*ids: object) -> str:
    return "".join(map(line, ids))


def tailer(tmp_path: Path, book: Book, clock: Turned, pattern: str = "", boot: str | None = None) -> Tailer:
    return Tailer([pattern or str(tmp_path)], book, tmp_path / "offsets.json", clock, boot)


def drained(found: Tailer) -> None:
    while found.poll():
        pass


def kept_positions(tmp_path: Path) -> list[positions.Position]:
    return positions.load(tmp_path / "offsets.json").files


def once(*ids: object) -> Counter[object]:
    return Counter(dict.fromkeys(ids, 1))


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_lines_count_as_they_are_written_and_partial_ones_when_they_are_whole(
    tmp_path: Path, book: Book, clock: Turned
) -> None:
    log = tmp_path / "app.jsonl"
    found = tailer(tmp_path, book, clock)
    assert not found.poll()
    append(log, lines(1, 2) + line(3)[:20])
    drained(found)
    assert book.ids == once(1, 2)
    append(log, line(3)[20:] + line(4)[:5])
    drained(found)
    assert book.ids == once(1, 2, 3)
    clock.now += 10 * GRACE_SECONDS
    drained(found)
    append(log, line(4)[5:])
    drained(found)
    assert book.ids == once(1, 2, 3, 4)


def test_files_of_a_folder_or_of_a_pattern_are_found_whenever_they_appear(
    tmp_path: Path, book: Book, clock: Turned
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "pods" / "a").mkdir(parents=True)
    found = Tailer([str(tmp_path / "logs"), str(tmp_path / "pods" / "*" / "*.log")], book, None, clock)
    append(tmp_path / "logs" / "one.jsonl", line(1))
    append(tmp_path / "logs" / "two.ndjson", line(2))
    append(tmp_path / "logs" / "else.txt", line(3))
    append(tmp_path / "pods" / "a" / "x.log", line(4))
    drained(found)
    (tmp_path / "pods" / "b").mkdir()
    append(tmp_path / "pods" / "b" / "x.log", line(5))
    drained(found)
    assert book.ids == once(1, 2, 4, 5)


def test_rotation_by_renaming_loses_nothing_and_counts_nothing_twice(tmp_path: Path, book: Book, clock: Turned) -> None:
    log = tmp_path / "app.jsonl"
    found = tailer(tmp_path, book, clock)
    with log.open("a") as writer:
        writer.write(lines(1, 2))
        writer.flush()
        drained(found)
        log.rename(tmp_path / "app.jsonl.1")
        writer.write(lines(3))  # the writer has not noticed yet
        writer.flush()
        append(log, lines(4))
        drained(found)
        clock.now += GRACE_SECONDS / 2
        writer.write(lines(5) + line(6).rstrip())
        writer.flush()
        drained(found)
    assert book.ids == once(1, 2, 3, 4, 5)
    clock.now += GRACE_SECONDS
    drained(found)
    assert book.ids == once(1, 2, 3, 4, 5, 6), "the last line of a file that is done needs no line feed"
    (tmp_path / "app.jsonl.1").rename(tmp_path / "app.jsonl.2")
    append(log, lines(7))
    drained(found)
    assert book.ids == once(*range(1, 8))


@pytest.mark.parametrize("matched", [False, True])
def test_rotation_by_copying_and_cutting_counts_every_line_that_is_still_there(
    tmp_path: Path, book: Book, clock: Turned, matched: bool
) -> None:
    log, copy = tmp_path / "app.jsonl", tmp_path / "app.jsonl.1"
    found = tailer(tmp_path, book, clock, str(tmp_path / ("app.jsonl*" if matched else "app.jsonl")))
    append(log, lines(*range(10)))
    drained(found)
    append(log, lines("unread"))
    shutil.copy(log, copy)
    if matched:
        found._find()  # the copy is seen before the original is cut
    os.truncate(log, 0)
    append(log, lines("new"))
    drained(found)
    drained(found)
    expected = once(*range(10), "new", *(["unread"] if matched else []))
    assert book.ids == expected
    append(log, lines(*(f"more {number}" for number in range(50))))
    os.truncate(log, 0)
    append(log, lines(*(f"again {number}" for number in range(60))))  # longer than before within one look
    drained(found)
    assert book.ids == expected + once(*(f"again {number}" for number in range(60)))


COPIES = ("app.jsonl.1", "app.1.jsonl", "app-20261125.jsonl", "app.copy.jsonl", "a.jsonl", "z.jsonl", "az.jsonl")


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("read", ["nothing", "a part", "all"])
@pytest.mark.parametrize("looks", list(itertools.product([False, True], repeat=3)))
@pytest.mark.parametrize("between", ["nothing", "kill", "quiet"])
def test_a_copy_counts_once_whatever_it_is_called_and_whenever_it_is_found(
    tmp_path: Path,
    book: Book,
    clock: Turned,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    read: str,
    looks: tuple[bool, bool, bool],
    between: str,
) -> None:
    """``looks`` are taken behind the copy, behind the cut, and behind the first line that is written then."""
    monkeypatch.setattr(follower, "STEP_BYTES", 1500)
    log, copy = tmp_path / "app.jsonl", tmp_path / name
    append(log, lines(*range(100)))
    found = tailer(tmp_path, book, clock, str(tmp_path / "*.jsonl*"))
    if read == "a part":
        found.poll()
        found.poll()
        assert 0 < len(book.ids) < 100
    elif read == "all":
        drained(found)

    def pause(look: bool) -> None:
        nonlocal found
        if between == "kill":
            found = tailer(tmp_path, book, clock, str(tmp_path / "*.jsonl*"))
        clock.now += (GRACE_SECONDS + 1) * (between == "quiet")
        if look:
            found.poll()

    shutil.copy(log, copy)
    pause(looks[0])
    os.truncate(log, 0)
    pause(looks[1])
    append(log, lines("new 1"))
    pause(looks[2])
    append(log, lines("new 2"))
    for _ in range(3):
        drained(found)
        clock.now += GRACE_SECONDS + 1
    assert book.ids == once(*range(100), "new 1", "new 2")


def test_a_copy_that_is_found_before_its_original_is_read_on_in_whichever_grows(
    tmp_path: Path, book: Book, clock: Turned
) -> None:
    log, copies = tmp_path / "m.jsonl", [tmp_path / "a.jsonl", tmp_path / "z.jsonl"]
    append(log, lines(1, 2))
    for copy in copies:
        shutil.copy(log, copy)
    found = tailer(tmp_path, book, clock)
    drained(found)
    assert book.ids == once(1, 2)
    for number in range(3, 7):
        append(log, lines(number))
        drained(found)
        assert book.ids == once(*range(1, number + 1))
        clock.now += GRACE_SECONDS + 1
        drained(found)
        if number % 2:
            found = tailer(tmp_path, book, clock)


def test_of_an_older_and_a_newer_copy_each_row_counts_once_when_the_original_is_cut(
    tmp_path: Path, book: Book, clock: Turned
) -> None:
    """The older one may be shorter than what was read of the original, or longer."""
    for number, (unread, older, newer) in enumerate(itertools.product([0, 1], ["a", "x"], ["b", "y"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        book.ids.clear()
        log, found = folder / "m.jsonl", tailer(folder, book, clock)
        append(log, lines(*range(30)))
        drained(found)
        append(log, lines(30) * unread)
        shutil.copy(log, folder / f"{older}.jsonl")
        append(log, lines(31))
        if not unread:
            drained(found)
        append(log, lines(32))
        shutil.copy(log, folder / f"{newer}.jsonl")
        os.truncate(log, 0)
        append(log, lines("new"))
        drained(found)
        drained(found)
        assert book.ids == once(*range(30), *[30] * unread, 31, 32, "new"), (unread, older, newer)


@pytest.mark.parametrize("killed", [False, True])
def test_a_copy_that_lacks_rows_that_were_read_before_the_cut_never_counts_again(
    tmp_path: Path, book: Book, clock: Turned, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    monkeypatch.setattr(known, "_MOST_CUT", 3)
    log = tmp_path / "m.jsonl"
    found = tailer(tmp_path, book, clock)
    append(log, lines(*range(30)))
    drained(found)
    shutil.copy(log, tmp_path / "a.jsonl")
    append(log, lines(30))
    for number in range(31, 41):  # nobody copies it any more
        drained(found)
        os.truncate(log, 0)
        append(log, lines(number))
        clock.now += SAVE_SECONDS
        drained(found)
        if killed:
            found = tailer(tmp_path, book, clock)
    drained(found)
    assert book.ids == once(*range(41))


def test_a_log_that_is_replaced_by_its_copy_is_read_on(tmp_path: Path, book: Book, clock: Turned) -> None:
    """As an editor does that writes beside the file and renames."""
    log = tmp_path / "one.jsonl"
    append(log, lines(1, 2))
    found = tailer(tmp_path, book, clock)
    drained(found)
    shutil.copy(log, tmp_path / "beside")
    (tmp_path / "beside").rename(log)
    append(log, lines(3))
    drained(found)
    clock.now += GRACE_SECONDS
    drained(found)
    assert book.ids == once(1, 2, 3)


def test_logs_that_begin_with_the_same_rows_count_each_of_them_once_they_differ(
    tmp_path: Path, book: Book, clock: Turned
) -> None:
    """Two processes that send the same rows, without an id, to warm up."""
    warm_up = line("warm-up") * 40
    found = tailer(tmp_path, book, clock)
    for name in "abc":
        append(tmp_path / f"{name}.jsonl", warm_up)
    drained(found)
    assert book.ids == Counter({"warm-up": 40}), "they cannot be told apart yet"
    for name in "cab":
        append(tmp_path / f"{name}.jsonl", line(name))
        drained(found)
    assert book.ids == Counter({"warm-up": 120, "a": 1, "b": 1, "c": 1})


def test_a_copy_of_a_log_that_is_never_cut_is_not_read(
    tmp_path: Path, book: Book, clock: Turned, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "app.jsonl"
    append(log, lines(1, 2))
    found = tailer(tmp_path, book, clock, str(tmp_path / "app.jsonl*"))
    drained(found)
    shutil.copy(log, tmp_path / "app.jsonl.backup")
    drained(found)
    assert not caplog.messages
    for _ in range(3):
        clock.now += 2 * GRACE_SECONDS
        drained(found)
    assert book.ids == once(1, 2)
    assert f"app.jsonl.backup: has the same rows as {log} and no more, and waits as its copy" in caplog.messages[0]


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


def test_a_new_file_with_an_old_inode_is_read_from_its_beginning(tmp_path: Path, book: Book, clock: Turned) -> None:
    log = tmp_path / "one.jsonl"
    append(log, lines("abc"))
    first = tailer(tmp_path, book, clock)
    drained(first)
    first.close()
    log.write_text(lines("xyz"))  # the same inode and the same size
    found = tailer(tmp_path, book, clock)
    drained(found)
    assert book.ids == once("abc", "xyz")
    clock.now += 2 * GRACE_SECONDS
    drained(found)
    log.write_text(lines("123"))  # while it is closed for being quiet
    os.utime(log, ns=(1, 1))
    drained(found)
    assert book.ids == once("abc", "xyz", "123")


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


def test_rows_that_cannot_be_counted_yet_are_kept_and_counted_once(tmp_path: Path, book: Book, clock: Turned) -> None:
    book.later = {"slow"}
    log = tmp_path / "one.jsonl"
    append(log, line(1) + line(2, "slow") + line(3))
    found = tailer(tmp_path, book, clock)
    for _ in range(3):
        found.poll()
        append(log, line(f"later {_}"))
    assert book.models == Counter(), "whether the file is the one of the marks, all of its models are asked"
    book.later = set()
    clock.now += LATER_SECONDS
    drained(found)
    assert book.ids == once(1, 2, 3, "later 0", "later 1", "later 2")
    assert found.lines["counted"] == 6


def test_lines_that_are_no_rows_are_told_and_the_others_count(tmp_path: Path, book: Book, clock: Turned) -> None:
    log = tmp_path / "one.jsonl"
    append(
        log,
        line(1) + "no json\n" + "5\n" + '{"features": {"x": 1}}\n\n' + '{"model": 3}\n' + line(2, "unknown") + line(3),
    )
    append(log, '{"model": "m", "id": 4}\n')
    found = tailer(tmp_path, book, clock)
    drained(found)
    assert book.ids == once(1, 3, None)
    assert book.rejected == 1, "a row without features is the model's, and rejected there"
    assert found.lines == {"counted": 3, "nameless": 4, "too_long": 0, "unknown_model": 1}


def test_what_is_skipped_is_told_with_its_file_its_place_and_the_reason_of_the_first(
    tmp_path: Path, book: Book, clock: Turned, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {
        '{"model": "m", "x": }\n': "the line is no JSON",
        "5\n": "the line is no object",
        '{"x": 1}\n': 'the row has no "model"',
        '{"model": 3}\n': '"model" is to be the name of a model',
    }
    for number, text in enumerate(bad):
        append(tmp_path / f"{number}.jsonl", line(number) + "\n" + text + "7\n")
    append(tmp_path / "long.jsonl", line("long") + "x" * STEP_BYTES + "\n" + line(9, "unknown"))
    drained(tailer(tmp_path, book, clock))
    for number, reason in enumerate(bad.values()):
        (told,) = [text for text in caplog.messages if f"{number}.jsonl: lines" in text]
        assert f": 2 now, the first at byte {len(line(number)) + 1}: {reason}" in told
    start = len(line("long"))
    assert any(f"lines longer than 1 MiB are not counted: now one at byte {start} " in text for text in caplog.messages)
    end = (tmp_path / "long.jsonl").stat().st_size
    assert any(f"are not counted: 1 now, the first ends at byte {end} " in text for text in caplog.messages)


@pytest.mark.parametrize("pattern", ["nologs", "nologs/*/a*.jsonl"])
def test_a_folder_that_does_not_exist_is_told_once_and_waited_for(
    tmp_path: Path, book: Book, clock: Turned, caplog: pytest.LogCaptureFixture, pattern: str
) -> None:
    caplog.set_level("INFO")
    found = tailer(tmp_path, book, clock, str(tmp_path / pattern))
    drained(found)
    drained(found)
    folder = tmp_path / "nologs"
    assert caplog.messages == [
        f"--logs {tmp_path / pattern}: {folder} does not exist: create it, or mend the path; it is waited for"
    ]
    (folder / "pod").mkdir(parents=True)
    append(folder / ("a.jsonl" if pattern == "nologs" else "pod/a.jsonl"), lines(1))
    drained(found)
    drained(found)
    assert caplog.messages[1:] == [f"--logs {tmp_path / pattern}: {folder} is there now"]
    assert book.ids == once(1)


def test_a_line_of_any_length_is_skipped_in_bounded_steps(tmp_path: Path, book: Book, clock: Turned) -> None:
    log = tmp_path / "one.jsonl"
    append(log, line(1))
    append(log, "x" * (3 * STEP_BYTES + 7) + "\n")
    append(log, line(2))
    found = tailer(tmp_path, book, clock)
    drained(found)
    assert book.ids == once(1, 2)
    assert found.lines["too_long"] == 1


def test_a_step_is_of_no_more_rows_than_a_table_may_have(tmp_path: Path, book: Book, clock: Turned) -> None:
    append(tmp_path / "one.jsonl", '{"model":"m"}\n' * (2 * STEP_LINES + 5) + "\n" * (3 * STEP_LINES))
    found = tailer(tmp_path, book, clock)
    drained(found)
    assert book.models == Counter(m=2 * STEP_LINES + 5)


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


def test_random_writing_and_rotation_count_every_line_once(tmp_path: Path, book: Book, clock: Turned) -> None:
    """Twenty runs of writes in odd pieces, renames, restarts, pauses and looks in a random order."""
    for run in range(20):
        folder = tmp_path / str(run)
        folder.mkdir()
        dice = random.Random(run)
        rotations = written = 0
        log = folder / "app.jsonl"
        held = ""
        book.ids.clear()
        found = tailer(folder, book, clock)
        for _ in range(300):
            match dice.choice(["write"] * 5 + ["look"] * 4 + ["rename", "restart", "pause", "kill"]):
                case "write":
                    held += "".join(line(f"{run}-{written + number}") for number in range(5))
                    written += 5
                    cut = dice.randrange(len(held) + 1)
                    append(log, held[:cut])
                    held = held[cut:]
                case "look":
                    found.poll()
                case "rename" if log.exists():
                    found.poll()  # a file that comes and goes between two looks is never seen
                    append(log, held + lines(f"{run}-{written}"))
                    written += 1
                    held = ""
                    rotations += 1
                    log.rename(folder / f"app.jsonl.{rotations}")
                case "restart":
                    found.close()
                    found = tailer(folder, book, clock)
                case "kill":
                    found = tailer(folder, book, clock)
                case "pause":
                    clock.now += dice.random() * 2 * GRACE_SECONDS
                    if not log.exists():
                        found.poll()
        append(log, held)
        for _ in range(4):
            drained(found)
            clock.now += GRACE_SECONDS + 1
        assert book.ids == once(*(f"{run}-{number}" for number in range(written))), run


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


def test_a_log_that_was_cut_and_begins_with_the_same_row_is_known_by_what_follows(
    tmp_path: Path, book: Book, clock: Turned
) -> None:
    log = tmp_path / "one.jsonl"
    warm_up = line("x" * HEAD_BYTES)
    append(log, warm_up + lines(1, 2))
    first = tailer(tmp_path, book, clock)
    drained(first)
    first.close()
    log.write_text(warm_up + lines(3, 4, 5))
    drained(tailer(tmp_path, book, clock))
    assert book.ids == once(1, 2, 3, 4, 5) + Counter({"x" * HEAD_BYTES: 2})


def test_packed_copies_and_files_that_took_over_an_inode_are_not_read(
    tmp_path: Path, book: Book, clock: Turned
) -> None:
    log = tmp_path / "one.jsonl"
    append(log, lines(1, 2))
    found = tailer(tmp_path, book, clock, str(tmp_path / "one.jsonl*"))
    drained(found)
    with gzip.open(tmp_path / "one.jsonl.1.gz", "wb") as packed:
        packed.write(lines(1, 2).encode())
    clock.now += 2 * GRACE_SECONDS
    drained(found)  # closed, for it is quiet
    log.rename(tmp_path / "else.txt")
    (tmp_path / "else.txt").write_text(lines(*range(10, 20)))  # the same inode, and no log any more
    for _ in range(3):
        clock.now += 2 * GRACE_SECONDS
        drained(found)
    assert book.ids == once(1, 2)
    assert found.lines["nameless"] == 0


def test_a_copy_that_took_over_the_inode_of_a_log_that_is_gone_goes_on_where_its_original_was_cut(
    tmp_path: Path, book: Book, clock: Turned
) -> None:
    log, copy = tmp_path / "one.jsonl", tmp_path / "one.jsonl.1"
    append(log, lines(1, 2))
    first = tailer(tmp_path, book, clock, str(tmp_path / "one.jsonl*"))
    drained(first)
    first.close()
    append(log, lines(3))
    shutil.copy(log, copy)
    log.write_text(lines(4))
    (there,) = kept_positions(tmp_path)
    gone = dataclasses.replace(there, path=str(tmp_path / "gone"), inode=copy.stat().st_ino, digest="another", file=7)
    positions.save(tmp_path / "offsets.json", [there, gone], [])
    drained(tailer(tmp_path, book, clock, str(tmp_path / "one.jsonl*")))
    assert book.ids == once(1, 2, 3, 4)


def test_a_log_that_cannot_be_opened_for_a_while_is_not_taken_for_another(
    tmp_path: Path, book: Book, clock: Turned, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "one.jsonl"
    append(log, lines(1, 2))
    first = tailer(tmp_path, book, clock)
    drained(first)
    first.close()
    append(log, lines(3))
    found = tailer(tmp_path, book, clock)
    with monkeypatch.context() as patched:
        open_ = os.open
        patched.setattr(os, "open", lambda path, *rest: open_("/nowhere" if path == log else path, *rest))
        assert not found.poll()
    drained(found)
    assert book.ids == once(1, 2, 3)


def test_a_kill_in_the_middle_of_a_line_that_is_too_long_skips_all_of_it(
    tmp_path: Path, book: Book, clock: Turned
) -> None:
    log = tmp_path / "one.jsonl"
    append(log, line(1) + " " * STEP_BYTES + line("part of a line") + line(2))
    first = tailer(tmp_path, book, clock)
    first.poll()
    clock.now += SAVE_SECONDS
    first.poll()
    drained(tailer(tmp_path, book, clock))
    assert book.ids == once(1, 2)


def test_it_stops_when_it_is_told(tmp_path: Path, book: Book, clock: Turned) -> None:
    append(tmp_path / "one.jsonl", lines(1))
    stop = threading.Event()
    thread = threading.Thread(target=tailer(tmp_path, book, clock).run, args=(stop,))
    thread.start()
    while not book.ids:
        pass
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert kept_positions(tmp_path)[0].offset == len(line(1))
