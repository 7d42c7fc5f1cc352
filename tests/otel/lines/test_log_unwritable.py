"""Lines that cannot be written are told of once, with place, setting and reason, and are counted as dropped."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from modelwatch.otel import JsonHandler, Watch
from modelwatch.otel.logs.files import RotatedFiles
from modelwatch.otel.logs.formatter import Policies
from modelwatch.otel.logs.outbox import Outbox, flush_all
from modelwatch.otel.logs.reasons import reason
from tests.otel.lines.conftest import on_root
from tests.otel.lines.logged import ask, model

log = logging.getLogger("flights.api")


@pytest.fixture
def folder(tmp_path: Path, policies: Policies) -> Iterator[Path]:
    """Where the log goes; it is a file, which is what somebody has to mend."""
    made = tmp_path / "logs"
    made.write_text("")
    files = RotatedFiles(made, "flights-log", file_bytes=100_000, total_bytes=1_000_000)
    with on_root(JsonHandler(files, policies)):
        yield made
    files.close()


def outcomes(registry: CollectorRegistry) -> tuple[float | None, ...]:
    labels = {"model": "flight-delay", "kind": "inference"}
    return tuple(
        registry.get_sample_value("modelwatch_log_lines_total", {**labels, "outcome": outcome})
        for outcome in ("written", "dropped")
    )


def test_a_folder_that_cannot_be_written_is_named_once_and_its_lines_are_counted_as_dropped_until_it_can(
    registry: CollectorRegistry, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = Watch(model(), version="7", registry=registry)
    for _ in range(3):
        ask(watch, error=True)
        log.error("to ada@example.com")
    flush_all()
    assert outcomes(registry) == (0, 3)
    assert capsys.readouterr().err == (
        f"modelwatch: log lines for {folder} (logging.files.folder, or MODELWATCH_LOG_FILES) are dropped while they "
        f"cannot be written: {folder} is a file where a folder is wanted\n"
    )
    folder.unlink()
    ask(watch)
    log.info("again")
    flush_all()
    assert outcomes(registry) == (1, 3)
    (path,) = folder.iterdir()
    assert [json.loads(line)["body"][:12] for line in path.open()] == ["again", "inference of"]
    assert capsys.readouterr().err == ""


def test_warnings_of_the_library_reach_stderr_while_the_log_cannot_be_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = logging.getLogger("modelwatch.otel")
    ours.info("not so loud")
    capsys.readouterr()
    ours.warning("rows of %s are dropped", "ada@example.com")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["body"] == "rows of **** are dropped"
    folder.unlink()
    ours.warning("to the file")
    assert capsys.readouterr().err == ""


def test_a_full_disk_that_takes_half_a_line_loses_it_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.unlink()
    monkeypatch.setattr("modelwatch.otel.logs.files.os.write", lambda *_: 7)
    log.info("hello")
    monkeypatch.undo()
    assert capsys.readouterr().err.endswith("cannot be written: no space left on device\n")


def test_a_reason_says_what_is_in_the_way_and_quotes_no_message(tmp_path: Path) -> None:
    file = tmp_path / "File"
    file.write_text("")
    for folder in (file, file / "rows", file / "rows" / "of"):
        with pytest.raises(OSError, match=r"File exists|Not a directory") as caught:
            folder.mkdir(parents=True, exist_ok=True)
        assert reason(caught.value) == f"{file} is a file where a folder is wanted"
    assert reason(FileNotFoundError(2, "No such file or directory", "/nope")) == "no such file or directory"
    assert reason(ValueError("ada@example.com")) == "ValueError"


def test_rows_say_what_is_in_the_way_too(
    registry: CollectorRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rows"
    file.write_text("")
    files = RotatedFiles(file, "m", file_bytes=100, total_bytes=1000)
    written, dropped = (Counter(name, name, registry=registry) for name in ("w", "d"))
    outbox: Outbox[bytes] = Outbox(files.write, written, dropped, what="rows of m")
    outbox.put(b"{}\n")
    outbox.flush()
    assert caplog.messages == [
        f"rows of m are dropped while they cannot be written: {file} is a file where a folder is wanted"
    ]
