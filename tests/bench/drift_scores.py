"""100,000 rows of 40 columns against a stored profile: every method of ours, beside Evidently's default preset on the
same columns and scouter-ml's PSI on the numeric ones.

Ours counts the rows, as they come from Arrow, into cells and sums, and takes all scores, critical values left out (they
are worked out once for a profile). The limit is what memory can do: reading every value once.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

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


def _ours(folder: Path, reference: pa.Table, current: pa.Table) -> tuple[float, float]:
    pq.write_table(reference, folder / "reference.parquet")
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
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, current.schema) as writer:
        writer.write_table(current.combine_chunks())
    body = sink.getvalue().to_pybytes()

    def scores() -> None:
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

    return _best(scores)


def _peer(name: str, script: str, data: Path) -> dict[str, object] | None:
    python = peers.python(name)
    if python is None:
        return None
    ran = subprocess.run(
        [python, Path(__file__).with_name(script), data], capture_output=True, text=True, timeout=1800, check=False
    )
    if ran.returncode:
        print(f"  {name} failed: {ran.stderr.strip().splitlines()[-1:]}")
        return None
    found: dict[str, object] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    reference, current = _data(0, 0.0), _data(1, 0.1)
    print(f"{ROWS:,} rows of {NUMERIC} numeric and {CATEGORICAL} categorical columns against a stored profile")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wall, cpu = _ours(folder, _table(*reference), _table(*current))
        print(f"  modelwatch, 11 methods        {wall:8.4f} s {cpu:8.4f} s CPU")
        flat = [np.ascontiguousarray(current[0][:, i]) for i in range(NUMERIC)]
        least, _ = _best(lambda: [column.sum() for column in flat])
        print(f"  reading each value once       {least:8.4f} s            ours is {wall / least:.0f} times that")
        np.savez(folder / "scouter.npz", reference=reference[0], current=current[0])
        scouter = _peer("scouter", "peer_scouter.py", folder / "scouter.npz")
        if scouter:
            other, used = float(str(scouter["wall"])), float(str(scouter["cpu"]))
            print(f"  scouter-ml, PSI of {NUMERIC} numeric {other:8.4f} s {used:8.4f} s CPU")
            print(f"    ours is {other / wall:.1f} times as fast by the clock, {used / cpu:.1f} times by CPU")
        both = [np.concatenate(pair) for pair in zip(reference, current, strict=True)]
        np.savez(folder / "evidently.npz", numeric=both[0], categorical=both[1], reference=ROWS, rows=ROWS)
        evidently = _peer("evidently", "peer_evidently.py", folder / "evidently.npz")
        if evidently:
            seconds = evidently["seconds"]
            took = min(map(float, seconds)) if isinstance(seconds, list) else float("nan")
            print(f"  Evidently, DataDriftPreset    {took:8.4f} s            ours is {took / wall:.0f} times as fast")


if __name__ == "__main__":
    main()
