"""100,000 rows of 40 columns against a stored profile: every method of ours, beside Evidently's default preset and
scouter-ml's PSI on the same 40 columns, in one run.

Ours counts the rows, as they come from Arrow, into cells and sums, and takes all scores, critical values left out (they
are worked out once for a profile). It uses one thread. It is measured with categories as dictionaries, as senders of
Arrow mostly have them, and as plain texts. Peers get the same rows in each form that their interface takes, made
beforehand; scouter-ml is told to use one thread too, and then as many as it likes.

The limit is what memory can do: reading every value once.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.counting import count
from modelwatch.exporters.decoded import Decoded
from modelwatch.exporters.ingest import decode
from modelwatch.exporters.layout import layout
from modelwatch.exporters.profile import build_profile
from modelwatch.exporters.statistics import OF_CELLS, OF_HISTOGRAMS, OF_MOMENTS
from modelwatch.model.load import load_model
from tests.bench import peers

ROWS, NUMERIC, CATEGORICAL, CATEGORIES = 100_000, 30, 10, 15
ARROW = "application/vnd.apache.arrow.stream"


def _data(seed: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, CATEGORIES + 1)
    numbers = rng.normal(shift, 1, (ROWS, NUMERIC))
    return numbers, rng.choice(CATEGORIES, (ROWS, CATEGORICAL), p=weights / weights.sum())


def _table(numbers: np.ndarray, kinds: np.ndarray) -> pa.Table:
    names = [f"category {i}" for i in range(CATEGORIES)]
    columns = {f"n{i}": np.ascontiguousarray(numbers[:, i]) for i in range(NUMERIC)}
    for i in range(CATEGORICAL):
        codes = pa.array(kinds[:, i].astype(np.int32))
        columns[f"c{i}"] = pa.DictionaryArray.from_arrays(codes, names)
    return pa.table(columns)


def _best(work: Callable[[], object], times: int = 9) -> tuple[float, float]:
    """Seconds of the clock and of CPU, the best of several runs."""
    found = []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(one[0] for one in found), min(one[1] for one in found)


def _plain(table: pa.Table) -> pa.Table:
    """Texts instead of dictionaries."""
    return pa.table({name: column.cast(pa.string()) if name[0] == "c" else column for name, column in _columns(table)})


def _narrow(table: pa.Table) -> pa.Table:
    return pa.table({name: column.cast(pa.float32()) if name[0] == "n" else column for name, column in _columns(table)})


def _columns(table: pa.Table) -> list[tuple[str, pa.ChunkedArray]]:
    return list(zip(table.column_names, table.columns, strict=True))


def _body(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())


def _scores(folder: Path, reference: pa.Table) -> Callable[[bytes], object]:
    """What works out all scores of a body."""
    features = "".join(
        f"  - {{name: {name}, type: {'numeric' if name[0] == 'n' else 'categorical'}}}\n"
        for name in reference.column_names
    )
    spec = folder / "wide.yaml"
    spec.write_text(
        "apiVersion: modelwatch/v1\nkind: Model\nmetadata: {name: wide, owner: ml}\nserving: {job: wide}\n"
        f"task: {{type: regression}}\nfeatures:\n{features}"
    )
    model = load_model(spec)
    planned = layout(model, build_profile(model, folder / "reference.parquet"))
    comparison = Comparison(planned)

    def scores(body: bytes) -> None:
        counted = count(planned, Decoded(decode(body, ARROW)))
        histograms = comparison.histograms(counted.counts)
        cells = comparison.cells(counted.counts, counted.sums)
        moments = comparison.moments(cells, counted.sums)
        for of_histograms in OF_HISTOGRAMS.values():
            of_histograms.score(histograms)
        for of_cells in OF_CELLS.values():
            of_cells.score(cells)
        for of_moments in OF_MOMENTS.values():
            of_moments.score(moments)

    return scores


def _peer(name: str, script: str, data: Path, **settings: str) -> dict[str, Any] | None:
    python = peers.python(name)
    if python is None:
        return None
    ran = subprocess.run(
        [python, Path(__file__).with_name(script), data],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
        env=os.environ | settings,
    )
    if ran.returncode:
        print(f"  {name} failed: {ran.stderr.strip().splitlines()[-1:]}")
        return None
    found: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


def _row(what: str, cost: tuple[float, float], ours: tuple[tuple[float, float], ...] = ()) -> None:
    times = "".join(f"{cost[0] / one[0]:>8.1f}x{cost[1] / one[1]:>8.1f}x" for one in ours)
    print(f"  {what:<62}{cost[0]:>9.4f} s{cost[1]:>9.4f} s{times}")


def main() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    kept, seen = _data(0, 0.0), _data(1, 0.1)
    reference, current = _table(*kept), _table(*seen)
    print(f"\n{ROWS:,} rows of {NUMERIC} numeric and {CATEGORICAL} categorical columns against a stored profile")
    print(f"  {'':<84}{'slower than dictionaries, than texts':>36}")
    print(f"  {'':<62}{'clock':>11}{'CPU':>11}{2 * '    clock      CPU'}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pq.write_table(reference, folder / "reference.parquet")
        pq.write_table(current, folder / "current.parquet")
        scores = _scores(folder, reference)
        bodies = [_body(table) for table in (current, _narrow(current), _plain(current))]
        ours, narrow, texts = [_best(lambda body=body: scores(body)) for body in bodies]
        _row("modelwatch, 11 methods, Arrow, dictionaries, 1 thread", ours)
        _row("modelwatch, the same, numbers of 4 bytes", narrow)
        _row("modelwatch, the same, plain texts", texts)
        flat = [np.ascontiguousarray(seen[0][:, i]) for i in range(NUMERIC)]
        _row("the limit: reading each number once", _best(lambda: [column.sum() for column in flat]))
        for threads, settings in (("1 thread", {"RAYON_NUM_THREADS": "1"}), ("all cores", {})):
            for kind, cost in (_peer("scouter", "peer_scouter.py", folder, **settings) or {}).items():
                _row(f"scouter-ml, PSI, {kind}, {threads}", (cost["wall"], cost["cpu"]), (ours, texts))
        both = [np.concatenate(pair) for pair in zip(kept, seen, strict=True)]
        np.savez(folder / "evidently.npz", numeric=both[0], categorical=both[1], reference=ROWS, rows=ROWS)
        evidently = _peer("evidently", "peer_evidently.py", folder / "evidently.npz")
        if evidently:
            cost = (min(evidently["seconds"]), min(evidently["cpu"]))
            _row("Evidently, DataDriftPreset, pandas", cost, (ours, texts))


if __name__ == "__main__":
    main()
