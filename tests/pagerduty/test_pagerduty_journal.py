"""The durable state file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from modelwatch.compose.pagerduty import journal as journal_module
from modelwatch.compose.pagerduty.desk import Desk
from modelwatch.compose.pagerduty.journal import Journal, JournalError
from modelwatch.compose.pagerduty.records import ByHand, Content, Problem, Received, Record, Refused

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEY = "0123456789abcdef0123456789ab7f3c"
RECORDS: tuple[Record, ...] = (
    Received(
        NOON,
        "trigger",
        "identity",
        "…7f3c",
        "d",
        "Alertmanager",
        Content(summary="ä\nb", custom_details={"a": [1]}, links=({"href": "http://x/"},)),
    ),
    ByHand(NOON, "acknowledge", 1),
    Refused(NOON, 400, (Problem("message", "hint"),), "curl"),
)


def fill(path: Path) -> None:
    journal = Journal(path)
    for record in RECORDS:
        journal.append(record)
    journal.close()


def reload(path: Path) -> tuple[Record, ...]:
    journal = Journal(path)
    journal.close()
    return journal.records


def test_records_come_back_as_they_were(state: Path) -> None:
    fill(state)
    assert reload(state) == RECORDS


def test_the_salt_is_made_once_for_each_file(tmp_path: Path) -> None:
    salts = []
    for name in ("a", "a", "b"):
        journal = Journal(tmp_path / name)
        salts.append(journal.salt)
        journal.close()
    assert salts[0] == salts[1] != salts[2]


def test_a_torn_last_line_is_cut_off_and_the_next_record_is_whole(state: Path) -> None:
    fill(state)
    whole = state.read_bytes()
    for cut in (1, 20):
        state.write_bytes(whole[:-cut])
        assert reload(state) == RECORDS[:2]
    journal = Journal(state)
    journal.append(RECORDS[2])
    journal.close()
    assert state.read_bytes() == whole


def test_a_file_torn_in_its_first_line_begins_anew(state: Path) -> None:
    state.write_bytes(b'{"format": "modelw')
    assert reload(state) == ()
    fill(state)
    assert reload(state) == RECORDS


@pytest.mark.parametrize("line", [b"{}", b"[]", b"nonsense", b'{"kind":"event"}', b'{"kind":"by_hand","at":7}'])
def test_a_broken_line_in_the_middle_is_named(state: Path, line: bytes) -> None:
    fill(state)
    lines = state.read_bytes().splitlines()
    lines[2] = line
    state.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(JournalError, match=rf"{state.name}:3: no record .* move the file away"):
        Journal(state)


@pytest.mark.parametrize(
    "text", [b"hello\n", b"{}\n", b'{"format":"modelwatch pagerduty double","version":2,"salt":""}\n']
)
def test_another_programs_file_is_left_alone(state: Path, text: bytes) -> None:
    state.write_bytes(text)
    with pytest.raises(JournalError, match=":1: no state file of this program and version"):
        Journal(state)
    assert state.read_bytes() == text


def test_a_second_process_is_turned_away(state: Path) -> None:
    journal = Journal(state)
    with pytest.raises(JournalError, match="another process has this state file"):
        Journal(state)
    journal.close()
    Journal(state).close()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="--state"):
        Journal(tmp_path / "file" / "state.jsonl")


def test_a_hand_edited_file_is_named_with_its_line(state: Path) -> None:
    journal = Journal(state)
    journal.append(ByHand(NOON, "resolve", 7))
    journal.close()
    journal = Journal(state)
    with pytest.raises(JournalError, match=r":2: acts on an incident that is not open"):
        Desk(journal)


def test_a_full_disk_answers_500_and_leaves_file_and_incidents_as_they_were(
    desk: Desk, state: Path, event: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state.read_bytes()
    real_write = os.write

    def torn(file: int, data: bytes) -> int:
        return real_write(file, data[:10])

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name, broken in (("write", torn), ("fsync", full)):
        with monkeypatch.context() as patch:
            patch.setattr(journal_module.os, name, broken)
            assert desk.enqueue(orjson.dumps(event()), "test").status == 500
        assert state.read_bytes() == before
        assert desk.snapshot().incidents == ()
    assert desk.enqueue(orjson.dumps(event()), "test").status == 202


def test_the_routing_key_is_nowhere_in_the_file(desk: Desk, state: Path, event: Callable[..., dict[str, Any]]) -> None:
    desk.enqueue(orjson.dumps(event(dedup_key=KEY, client=KEY, payload={"custom_details": {KEY: KEY}})), "test")
    desk.enqueue(orjson.dumps(event(routing_key=KEY + " ", payload={"summary": KEY})), "test")
    desk.enqueue(orjson.dumps(event("resolve", dedup_key="unknown")), "test")
    text = state.read_text()
    assert KEY not in text
    assert text.count("7f3c") >= 3


def test_an_incident_opened_before_a_restart_is_resolved_after_it(
    state: Path, event: Callable[..., dict[str, Any]]
) -> None:
    """The keyed hash gives the same routing key the same identity."""
    for action in ("trigger", "resolve"):
        journal = Journal(state)
        desk = Desk(journal)
        desk.enqueue(orjson.dumps(event(action)), "test")
        journal.close()
    (incident,) = desk.snapshot().incidents
    assert incident.status == "resolved"


def test_only_its_owner_reads_the_file(desk: Desk, state: Path) -> None:
    assert state.stat().st_mode & 0o077 == 0
