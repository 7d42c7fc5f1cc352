"""Prediction logs are followed over rotation: by renaming, by copying and cutting, and copies count once."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from modelwatch.exporters.tailing import follower, known, positions
from modelwatch.exporters.tailing.positions import HEAD_BYTES
from modelwatch.exporters.tailing.tailer import GRACE_SECONDS, SAVE_SECONDS

from .tailed import COPIES, Book, Turned, append, drained, kept_positions, line, lines, once, tailer


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
    assert sum(found.skipped.counts().values()) == 0


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
