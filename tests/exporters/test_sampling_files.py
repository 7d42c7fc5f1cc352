"""Kept rows on disk: whole lines whatever happens, bounded, and never in the way of those who send rows."""

from __future__ import annotations

import json
import logging
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sampling_rows as made

from modelwatch.exporters.sampling import parquet, reading
from modelwatch.exporters.sampling.files import Files, FolderTakenError, Rotation
from modelwatch.exporters.sampling.records import Line
from modelwatch.exporters.sampling.writer import Keeper, Writer

WRITES = Path(__file__).with_name("sampling_writes.py")
LARGE = Rotation(1_000_000, 3600, 100_000_000)


def line(number: int, stratum: str = "rest", **more: object) -> Line:
    record = {
        "id": f"id-{number}", "timestamp": 1e9, "arrival": 1_700_000_000.25, "model": "flight-delay",
        "features": {"hour": 7.0, "distance": None, "carrier": "UA"}, "prediction": "late", "confidence": 0.5,
        "stratum": stratum, "strata": [stratum], "probability": 0.25, "weight": 4.0, "drift": {}, "reference": "ab",
        **more,
    }  # fmt: skip
    return Line(stratum, json.dumps(record).encode() + b"\n")  # type: ignore[arg-type]  # tests name strata


def ids(folder: Path) -> list[object]:
    return [record["id"] for record in reading.records(folder)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


def test_files_are_named_by_start_and_number_and_rotate_by_size_and_age(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "kept" / "m"
    files = Files(folder, Rotation(1000, 60, 100_000), clock)
    files.append(b"1\n")
    assert names(folder) == ["20231114T221320Z-000001.jsonl.open"]
    files.append(b"2" * 1000 + b"\n")
    assert names(folder) == ["20231114T221320Z-000001.jsonl"]
    clock.pass_(59)
    files.append(b"3\n")
    clock.pass_(59)
    files.tick()
    assert names(folder)[1:] == ["20231114T221419Z-000002.jsonl.open"]
    clock.pass_(1)
    files.tick()
    assert names(folder)[1:] == ["20231114T221419Z-000002.jsonl"]
    files.close()
    # Who else is on the machine does not read what may be personal.
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_all_files_together_stay_within_their_size_and_the_oldest_go_first(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    files = Files(tmp_path, Rotation(1000, 60, 4000), clock)
    for number in range(200):
        # The wall clock is set back again and again: numbers tell which is oldest.
        clock.epoch -= 3600 * (number % 5)
        files.append(b'{"id":%d,"x":"%s"}\n' % (number, b"x" * 80))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4000
    assert ids(tmp_path) == list(range(200))[-len(ids(tmp_path)) :]
    assert len(ids(tmp_path)) > 25


@pytest.mark.parametrize("run", range(5))
def test_killed_at_any_moment_every_row_that_was_written_is_there_and_no_half_line(tmp_path: Path, run: int) -> None:
    process = subprocess.Popen([sys.executable, WRITES, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(random.Random(run).uniform(0.01, 0.4))
    process.send_signal(signal.SIGKILL)
    written = [int(one) for one in process.communicate()[0].split("\n")[:-1]]
    least = written[-1] if written else 1
    found = ids(tmp_path)
    assert found[:least] == list(range(least))
    assert len(found) - least in (0, 1)
    # The next start closes what was open and goes on behind it.
    again = Files(tmp_path, LARGE, FixedClock())
    again.append(b'{"id":"next"}\n')
    again.close()
    assert ids(tmp_path) == [*found, "next"]
    assert not list(tmp_path.glob("*.open"))


class FixedClock:
    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return 1_700_000_000.0


def test_a_torn_last_line_is_left_out_by_readers_and_cut_off_by_the_next_start(tmp_path: Path) -> None:
    torn = tmp_path / "20260101T000000Z-000007.jsonl.open"
    torn.write_bytes(b'{"id":1}\n{"id":2}\n{"id":3,"fea')
    (tmp_path / "20260102T000000Z-000008.jsonl.open").write_bytes(b'{"id":9')
    (tmp_path / "20260102T000000Z-000009.parquet.new").write_bytes(b"half")
    assert ids(tmp_path) == [1, 2]
    files = Files(tmp_path, LARGE, FixedClock())
    files.append(b'{"id":4}\n')
    assert names(tmp_path) == ["20231114T221320Z-000009.jsonl.open", "20260101T000000Z-000007.jsonl"]
    assert (tmp_path / "20260101T000000Z-000007.jsonl").read_bytes() == b'{"id":1}\n{"id":2}\n'
    assert ids(tmp_path) == [1, 2, 4]
    files.close()


def test_a_full_disk_leaves_whole_lines_and_a_file_that_can_be_closed(tmp_path: Path) -> None:
    """The write that does not fit is taken back: the system had written a part of it."""
    done = subprocess.run([sys.executable, WRITES, tmp_path, "12345"], capture_output=True, text=True, check=True)
    *written, failure = done.stdout.split("\n")[:-1]
    assert failure == "File too large"
    (kept,) = tmp_path.glob("*.jsonl")
    assert ids(tmp_path) == list(range(int(written[-1])))
    assert kept.read_bytes().endswith(b"}\n")


def test_rows_lost_to_the_disk_are_counted_logged_and_told_by_the_next_row(tmp_path: Path, clock, caplog, wait) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "taken"
    folder.write_text("a file where the folder should be")
    keeper, writer = Keeper("m", Files(folder, LARGE, clock)), Writer()
    with caplog.at_level(logging.ERROR):
        for number in range(5):
            writer.put(keeper, [line(number)])
            wait(lambda number=number: keeper.tally.lost["disk"] == number + 1)
    assert [record.message.split(" (")[0] for record in caplog.records] == [f"{folder}: rows of m cannot be kept"] * 3
    assert "name another one in sampling.folder" in caplog.text
    folder.unlink()
    writer.put(keeper, [line(5), line(6)])
    writer.close()
    assert keeper.tally.written["rest"] == 2
    assert [record.get("lost") for record in reading.records(folder)] == [5, None]


def test_a_folder_that_is_removed_while_it_is_written_is_noticed_and_made_again(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "kept"
    files = Files(folder, LARGE, clock)
    files.append(b'{"id":1}\n')
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    with pytest.raises(FileNotFoundError, match="was removed"):
        files.tick()
    files.append(b'{"id":2}\n')
    assert ids(folder) == [2]


def test_two_processes_do_not_write_into_one_folder(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    one, two = (Files(tmp_path, LARGE, clock) for _ in range(2))
    one.append(b'{"id":1}\n')
    with pytest.raises(FolderTakenError, match="another sidecar keeps its rows here"):
        two.append(b'{"id":2}\n')
    one.close()
    two.append(b'{"id":2}\n')
    assert ids(tmp_path) == [1, 2]


class StuckFiles(Files):
    """A disk that does not answer until it is let."""

    def __init__(self, folder: Path, clock: object) -> None:
        super().__init__(folder, LARGE, clock)  # type: ignore[arg-type]
        self.let = threading.Event()

    def append(self, data: bytes) -> None:
        self.let.wait(30)
        super().append(data)


def test_a_stuck_disk_never_holds_up_the_sender_and_memory_stays_bounded(tmp_path: Path, clock, wait) -> None:  # type: ignore[no-untyped-def]
    files = StuckFiles(tmp_path, clock)
    keeper, writer = Keeper("m", files), Writer(most_bytes=20_000)
    slowest = 0.0
    for number in range(1000):
        began = time.perf_counter()
        writer.put(keeper, [line(number)])
        slowest = max(slowest, time.perf_counter() - began)
    assert slowest < 1
    assert keeper.tally.lost["queue"] > 900
    files.let.set()
    writer.close()
    kept = list(reading.records(tmp_path))
    assert len(kept) == keeper.tally.written["rest"] == 1000 - keeper.tally.lost["queue"]
    writer.put(keeper, [line(1001)])
    assert keeper.tally.lost["queue"] + len(kept) == 1001


def test_rows_are_written_in_order_while_many_threads_hand_them_over(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    keepers = [Keeper(name, Files(tmp_path / name, Rotation(5000, 3600, 10_000_000), clock)) for name in "ab"]
    writer = Writer()

    def send(keeper: Keeper, part: int) -> None:
        for number in range(100):
            writer.put(keeper, [line(1000 * part + number), line(1000 * part + number + 500)])

    threads = [threading.Thread(target=send, args=(keeper, part)) for keeper in keepers for part in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    for keeper in keepers:
        found = ids(tmp_path / keeper.model)
        assert len(found) == len(set(found)) == 600
        for part in range(3):
            mine = [one for one in found if 1000 * part <= int(str(one)[3:]) < 1000 * part + 500]
            assert mine == [f"id-{1000 * part + number}" for number in range(100)]


def test_a_retired_keeper_closes_its_files_so_that_the_next_can_go_on_in_the_same_folder(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    writer = Writer()
    one = Keeper("m", Files(tmp_path, LARGE, clock))
    two = Keeper("m", Files(tmp_path, LARGE, clock), one.tally)
    writer.put(one, [line(1)])
    writer.retire(one)
    writer.put(two, [line(2)])
    writer.close()
    assert ids(tmp_path) == ["id-1", "id-2"]
    assert one.tally.written["rest"] == 2
    assert one.tally.lost.total() == 0


# Parquet.


def to_parquet(source: Path, target: Path) -> None:
    parquet.write(reading.lines(source), parquet.schema(made.planned().model), target)


def lines_of(numbers: Sequence[int]) -> bytes:
    return b"".join(line(number).text for number in numbers)


def test_closed_files_become_parquet_and_say_the_same(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    files = Files(tmp_path, LARGE, clock, to_parquet)
    files.append(lines_of([1, 2]) + line(3, "drifted", drift={"hour": {"score": 0.3}}, lost=7, id=None).text)
    before = list(reading.records(tmp_path))
    files.close()
    assert names(tmp_path) == ["20231114T221320Z-000001.parquet"]
    found = pq.read_table(tmp_path / names(tmp_path)[0])
    assert found.column_names[:8] == [
        "id",
        "timestamp",
        "arrival",
        "model",
        "hour",
        "distance",
        "carrier",
        "prediction",
    ]
    assert found["hour"].to_pylist() == [7.0] * 3
    after = list(reading.records(tmp_path))
    assert [{**one, "lost": one.get("lost")} for one in before] == after


def test_where_parquet_cannot_be_made_the_rows_stay_json_lines(tmp_path: Path, clock, caplog) -> None:  # type: ignore[no-untyped-def]
    def broken(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    files = Files(tmp_path, LARGE, clock, broken)
    files.append(lines_of([1, 2]))
    files.close()
    assert names(tmp_path) == ["20231114T221320Z-000001.jsonl"]
    assert ids(tmp_path) == ["id-1", "id-2"]
    assert "No space left on device" in caplog.text


def test_killed_between_the_parquet_and_its_lines_no_row_is_there_twice(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    stem = "20260101T000000Z-000003"
    (tmp_path / f"{stem}.jsonl.open").write_bytes(lines_of([1, 2]))
    to_parquet(tmp_path / f"{stem}.jsonl.open", tmp_path / f"{stem}.parquet")
    assert ids(tmp_path) == ["id-1", "id-2"]
    files = Files(tmp_path, LARGE, clock, to_parquet)
    files.append(lines_of([3]))
    assert ids(tmp_path) == ["id-1", "id-2", "id-3"]
    assert not (tmp_path / f"{stem}.jsonl.open").exists()
    files.close()


def test_a_feature_called_like_another_field_keeps_its_own_column(tmp_path: Path) -> None:
    import dataclasses

    import specs

    model = dataclasses.replace(
        made.planned(exclude=("hour",)).model,
        features=(specs.feature("id"), specs.feature("weight", "categorical"), specs.feature("hour")),
    )
    wanted = parquet.schema(model)
    assert [name for name in wanted.names if name.startswith("feature.")] == ["feature.id", "feature.weight"]
    assert "hour" not in wanted.names
    record = {**json.loads(line(1).text), "features": {"id": 5, "weight": "heavy"}}
    parquet.write([record], wanted, tmp_path / "x.parquet")
    (back,) = parquet.read(tmp_path / "x.parquet")
    assert (back["id"], back["weight"], back["features"]) == ("id-1", 4.0, {"id": 5.0, "weight": "heavy"})


def test_a_value_of_another_type_than_its_column_is_missing_and_loses_no_row() -> None:
    wanted = parquet.schema(made.planned().model)
    record = {**json.loads(line(1).text), "features": {"hour": "late", "carrier": 7}, "prediction": 1, "id": 42}
    (row,) = parquet.table([record], wanted).to_pylist()
    assert (row["hour"], row["carrier"], row["distance"], row["prediction"], row["id"]) == (None, "7", None, "1", "42")


def test_a_file_that_is_no_row_file_is_left_alone_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text("mine")
    assert ids(tmp_path) == []
    (tmp_path / "20260101T000000Z-000001.jsonl").write_text('{"id":1}\nnot json\n')
    with pytest.raises(reading.KeptError, match=r"000001\.jsonl: cannot be read .* move it away"):
        ids(tmp_path)
    with pytest.raises(reading.KeptError, match="no such file"):
        ids(tmp_path / "none")
