"""scouter-ml's PSI over the columns of a Parquet file, against a stored profile; run in an environment of its own.

Its public interface takes data frames, Arrow tables and arrays. Each is made beforehand, so that making it costs
nothing here. Prints JSON: by kind of input, the best of several runs in seconds of the clock and of CPU.
"""

import json
import sys
import time

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from scouter import Drifter, PsiDriftConfig

RUNS = 7


def _texts(table):
    """The same table with plain texts instead of a dictionary."""
    plain = {
        name: table[name].cast(pa.string()) if pa.types.is_dictionary(table[name].type) else table[name]
        for name in table.column_names
    }
    return pa.table(plain)


def _numbers(table):
    names = [name for name in table.column_names if pa.types.is_floating(table[name].type)]
    return np.column_stack([table[name].to_numpy() for name in names])


INPUTS = {
    "pandas": lambda table: _texts(table).to_pandas(),
    "polars": lambda table: pl.from_arrow(_texts(table)),
    "arrow of texts": _texts,
    "arrow of dictionaries": lambda table: table,
    "numpy, numbers alone, by rows": lambda table: np.ascontiguousarray(_numbers(table)),
    "numpy, numbers alone, by columns": lambda table: np.asfortranarray(_numbers(table)),
}


def main(folder: str) -> None:
    tables = [pq.read_table(f"{folder}/{name}.parquet").combine_chunks() for name in ("reference", "current")]
    kinds = [name for name in tables[0].column_names if name.startswith("c")]
    found = {}
    for name, make in INPUTS.items():
        reference, current = map(make, tables)
        categorical = [] if name.startswith("numpy") else kinds
        config = PsiDriftConfig(name="m", space="s", version="1.0.0", categorical_features=categorical)
        drifter = Drifter()
        profile = drifter.create_drift_profile(reference, config)
        wall, cpu = [], []
        for _ in range(RUNS):
            before, used = time.perf_counter(), time.process_time()
            drifter.compute_drift(current, profile)
            wall.append(time.perf_counter() - before)
            cpu.append(time.process_time() - used)
        found[name] = {"wall": min(wall), "cpu": min(cpu)}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
