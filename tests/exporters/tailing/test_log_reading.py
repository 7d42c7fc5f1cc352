"""Prediction logs are read line by line: whole ones only, each once, and what is no row is told."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest

from modelwatch.exporters.tailing.follower import STEP_BYTES, STEP_LINES
from modelwatch.exporters.tailing.tailer import GRACE_SECONDS, LATER_SECONDS, SAVE_SECONDS, Tailer

from .tailed import Book, Turned, append, drained, kept_positions, line, lines, once, tailer


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
    assert book.models == Counter(m=5, slow=1)


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
    assert found.skipped.counts() == {"not_json": 1, "no_model": 3, "unknown_model": 1, "too_long": 0}


def test_what_is_skipped_is_told_with_its_file_its_place_and_the_reason_of_the_first(
    tmp_path: Path, book: Book, clock: Turned, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {
        '{"model": "m", "x": }\n': "lines that are no JSON are not counted: 2 at once; {}: the line is no JSON",
        "5\n": "lines that name no model are not counted: 2 at once; {}: the line is no object",
        '{"x": 1}\n': 'lines that name no model are not counted: 2 at once; {}: the row has no "model"',
        '{"model": 3}\n': 'lines that name no model are not counted: 2 at once; {}: "model" is to be the name',
    }
    for number, text in enumerate(bad):
        append(tmp_path / f"{number}.jsonl", line(number) + "\n" + 2 * text)
    append(tmp_path / "long.jsonl", line("long") + "x" * STEP_BYTES + "\n" + line(9, "unknown"))
    drained(tailer(tmp_path, book, clock))
    for number, said in enumerate(bad.values()):
        (told,) = [text for text in caplog.messages if f"{number}.jsonl: lines" in text]
        assert said.format(f"the first begins at byte {len(line(number)) + 1}") in told
    begun = "not counted: 1 at once; the first begins at byte"
    (told,) = [text for text in caplog.messages if "lines longer than 1 MiB" in text]
    assert f"{begun} {len(line('long'))}: " in told
    (told,) = [text for text in caplog.messages if "which no spec describes" in text]
    assert f"{begun} {len(line('long')) + STEP_BYTES + 1} (unknown_model; 1 in all logs by now)" in told


def test_causes_are_told_apart_and_each_with_its_own_place(
    tmp_path: Path, book: Book, clock: Turned, caplog: pytest.LogCaptureFixture
) -> None:
    append(tmp_path / "a.jsonl", '{"x": 1}\n' + "no json\n" + line(1))
    drained(tailer(tmp_path, book, clock))
    assert [text.partition("; the first ")[2][:17] for text in caplog.messages] == [
        "begins at byte 0:",
        "begins at byte 9:",
    ]


def test_a_rejected_row_is_told_with_its_place_and_what_is_wrong_with_it(
    tmp_path: Path, book: Book, clock: Turned, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "a.jsonl"
    append(log, line(1) + line(2))
    found = tailer(tmp_path, book, clock)
    drained(found)
    append(log, line(3) + '{"model": "m", "id": 4, "features": 5}\n' + line(6))
    drained(found)
    begins = len(lines(1, 2, 3))
    assert caplog.messages == [
        f"{log}: rows of m are rejected (not_a_row): 1 at once; the first begins at byte {begins}: "
        "'features' must be an object, found the number 5"
    ]
    append(log, '{"model": "m", "id": 4, "features": 5}\n')
    drained(found)
    assert caplog.messages[1].endswith("found the number 5 (2 times by now)")


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
    assert found.skipped.counts()["too_long"] == 1


def test_a_step_is_of_no_more_rows_than_a_table_may_have(tmp_path: Path, book: Book, clock: Turned) -> None:
    append(tmp_path / "one.jsonl", '{"model":"m"}\n' * (2 * STEP_LINES + 5) + "\n" * (3 * STEP_LINES))
    found = tailer(tmp_path, book, clock)
    drained(found)
    assert book.models == Counter(m=2 * STEP_LINES + 5)


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
