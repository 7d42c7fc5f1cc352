"""The log lines of a trace, found in the files that the Collector writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelwatch.compose.preview import loglines
from modelwatch.compose.preview.loglines import Archive

TRACE, OTHER = "0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"


def attribute(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def record(body: str, trace: str = TRACE, time: int = 1, **more: Any) -> dict[str, Any]:
    return {"timeUnixNano": str(time), "severityText": "INFO", "body": {"stringValue": body}, "traceId": trace, **more}


def batch(*records: dict[str, Any]) -> str:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}) + "\n"


def bodies(archive: Archive, trace: str = TRACE) -> list[str]:
    return [line.body for line in archive.of(trace).rows]


def test_lines_of_one_trace_are_found_in_order_of_time_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "logs.jsonl"
    file.write_text(batch(record("second", time=2), record("not", OTHER)) + batch(record("first", time=1)))
    assert bodies(Archive(file)) == ["first", "second"]
    assert bodies(Archive(file), "0" * 32) == []


def test_a_line_tells_severity_and_the_fields_by_their_own_names(tmp_path: Path) -> None:
    reasons = {"values": [{"stringValue": "errors"}, {"stringValue": "slow"}]}
    told = [
        attribute("modelwatch.field.carrier", stringValue="UA"),
        attribute("modelwatch.reasons", arrayValue=reasons),
        attribute("modelwatch.model.name", stringValue="flight-delay"),
        attribute("modelwatch.duration_seconds", doubleValue=0.25),
    ]
    file = tmp_path / "logs.jsonl"
    file.write_text(batch(record("x", severityText="ERROR", attributes=told)))
    (line,) = Archive(file).of(TRACE).rows
    assert (line.severity, line.mark) == ("ERROR", "bad")
    assert line.facts == {"carrier": "UA", "reasons": "errors, slow", "duration_seconds": 0.25}


def test_what_was_rotated_is_searched_too_and_what_is_half_written_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "logs.jsonl"
    (tmp_path / "logs-2026-06-30T12-00-00.000.jsonl").write_text(batch(record("older", time=1)))
    file.write_text(batch(record("newer", time=2)) + batch(record("cut", time=3))[:-20])
    (tmp_path / "other.jsonl").write_text(batch(record("no log of the Collector")))
    assert bodies(Archive(file)) == ["older", "newer"]


@pytest.mark.parametrize("text", ["", "[]\n", f'"{TRACE}"\n', f'{{"resourceLogs": {{"a": "{TRACE}"}}}}\n'])
def test_what_is_no_batch_has_no_lines(tmp_path: Path, text: str) -> None:
    file = tmp_path / "logs.jsonl"
    file.write_text(text)
    assert bodies(Archive(file)) == []


def test_there_are_no_lines_where_there_is_no_file_or_none_that_may_be_read(tmp_path: Path) -> None:
    assert bodies(Archive(tmp_path / "none.jsonl")) == []
    file = tmp_path / "logs.jsonl"
    file.mkdir()
    assert bodies(Archive(file)) == []


def test_there_are_at_most_so_many_and_the_page_is_told_of_more(tmp_path: Path) -> None:
    file = tmp_path / "logs.jsonl"
    file.write_text("".join(batch(record(str(n), time=n)) for n in range(50)))
    found = Archive(file).of(TRACE, most=20)
    assert len(found.rows) == 20 and found.more
    assert not Archive(file).of(TRACE, most=50).more


def test_only_the_newest_part_of_large_files_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, rotated = tmp_path / "logs.jsonl", tmp_path / "logs-2026-06-30T12-00-00.000.jsonl"
    rotated.write_text(batch(record("out of reach")))
    file.write_text(batch(record("old", time=1)) + batch(record("x" * 500, OTHER)) + batch(record("new", time=2)))
    monkeypatch.setattr(loglines, "_LOOK_BYTES", file.stat().st_size - 100)
    assert bodies(Archive(file)) == ["new"]
