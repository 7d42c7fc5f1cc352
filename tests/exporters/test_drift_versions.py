"""What other versions have written is read, or told and moved aside, and marks of files go with their rows."""

from __future__ import annotations

import hashlib
from pathlib import Path
from zlib import crc32

import counts
import orjson
import pytest
from durable import LAYOUTS, Pair

from modelwatch.exporters.journal import segments
from modelwatch.exporters.ledger import MOST_MARKS, Mark
from modelwatch.exporters.records import FRAME_SIZE, Segment, _framed, body_bytes, record_bytes
from modelwatch.exporters.shape import shape_of
from modelwatch.exporters.state import State


def test_shapes_are_read_as_they_were_written() -> None:
    for found in LAYOUTS:
        shape = shape_of(found)  # type: ignore[arg-type]
        assert type(shape).of_plain(shape.plain()) == shape


def test_marks_are_of_the_files_that_were_read_last_and_no_more(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    files = range(0, 2 * MOST_MARKS)
    found = counts.counted(pair.layout, 3)
    assert found.accepted
    for file in [*files, 7]:
        for monitor in (pair.live, pair.kept):
            monitor.add(found, Mark(file, 10 * file, file))  # type: ignore[arg-type]
        if file % 100 == 50:
            pair.save()
    pair.kill()
    pair.equal()
    last = [*files[-MOST_MARKS + 1 :], 7]
    assert list(pair.kept.snapshot().tally.marks) == last
    assert [pair.kept.mark(file) for file in files] == [
        Mark(file, 10 * file, file) if file in last else None for file in files
    ]


def test_rows_and_their_mark_are_lost_together_or_not_at_all(tmp_path: Path) -> None:
    """Cut short at any byte, as a machine leaves it that stopped."""
    pair = Pair(tmp_path)
    seen = []
    for number in range(1, 6):
        pair.kept.add(counts.counted(pair.layout, 3), Mark(9, number, 0))  # type: ignore[arg-type]
        seen.append((pair.kept.snapshot().tally.accepted, pair.kept.mark(9)))
    (path,) = segments(tmp_path / "m.journal")
    content = path.read_bytes()
    for left in range(len(content) // 2, len(content) + 1):
        path.write_bytes(content[:left])
        found = State(tmp_path).load(counts.NAME)
        if found is not None:
            assert (found.accepted, found.marks[9]) in seen


# --- other versions ---


def _as_first(pair: Pair) -> None:
    """What is on disk becomes what the version before marks has written."""
    for path in segments(pair.root / "m.journal"):
        content = path.read_bytes()
        segment = Segment(content)
        head, seed = content[FRAME_SIZE : segment._at].replace(b"journal/2", b"journal/1"), 0
        made = _framed(head, 0)
        seed = crc32(head)
        for record in segment.records():
            made += record_bytes(record._replace(mark=None), body_bytes(record.delta), seed)
        path.write_bytes(made)
    for path in pair.root.glob("m.state"):
        text, _, body = path.read_bytes().partition(b"\n")[2].partition(b"\n")
        head = orjson.loads(text)
        del head["marks"]
        whole = orjson.dumps(head | {"format": "modelwatch.state/2"}) + b"\n" + body
        path.write_bytes(hashlib.sha256(whole).hexdigest().encode() + b"\n" + whole)


@pytest.mark.parametrize("saved", [False, True])
def test_what_the_version_before_marks_has_written_is_counted_as_ever(tmp_path: Path, saved: bool) -> None:
    pair = Pair(tmp_path)
    for seed in range(0, 40, 2):
        pair.post(seed)
        if saved and seed == 20:
            pair.save()
    _as_first(pair)
    pair.kill()
    pair.equal()
    pair.post(7)
    pair.kill()
    pair.equal()
    assert pair.state.failures == {"load": 0, "save": 0}


def test_what_a_later_version_has_written_is_told_moved_aside_and_never_deleted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pair = Pair(tmp_path)
    pair.post(3)
    pair.save()
    pair.post(5)
    state, (_, segment) = tmp_path / "m.state", segments(tmp_path / "m.journal")
    whole = state.read_bytes().partition(b"\n")[2].replace(b"modelwatch.state/3", b"modelwatch.state/9")
    state.write_bytes(hashlib.sha256(whole).hexdigest().encode() + b"\n" + whole)
    content = segment.read_bytes()
    head = content[FRAME_SIZE : Segment(content)._at].replace(b"journal/2", b"journal/9")
    segment.write_bytes(_framed(head, 0) + content[Segment(content)._at :])
    theirs = {path.name + ".other": path.read_bytes() for path in (state, segment)}
    pair.kill()
    assert pair.state.failures == {"load": 2, "save": 0}
    assert (
        "another version of modelwatch (format 'modelwatch.state/9'; this one reads modelwatch.state/2 and"
        in caplog.text
    )
    assert "another version of modelwatch (format 'modelwatch.journal/9'" in caplog.text
    assert "damaged" not in caplog.text
    for seed in range(20):
        pair.kept.add(counts.counted(pair.layout, seed))  # type: ignore[arg-type]
        pair.save()
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*.other")} == theirs
    caplog.clear()
    pair.kill()
    assert pair.state.failures == {"load": 0, "save": 0}
    # The segment before theirs, and what came after.
    sent = (counts.counted(pair.layout, seed).accepted for seed in [3, *range(20)])
    assert pair.kept.snapshot().tally.accepted == sum(sent)


def test_state_of_the_very_first_version_is_told_and_not_passed_over_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, other = tmp_path / "m.json", tmp_path / "n.json"
    first.write_text('0123\n{"format":"modelwatch.state/1","sequence":5}\n')
    other.write_text('{"somebody": "else\'s"}')
    state = State(tmp_path)
    assert state.load("m") is None and state.load("n") is None
    assert state.failures == {"load": 1, "save": 0}
    assert "m.json: was written by the first version, and is not counted; moved to m.json.other" in caplog.text
    assert not first.exists() and (tmp_path / "m.json.other").exists() and other.exists()
