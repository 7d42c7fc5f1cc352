"""Evidently's DataDriftPreset with its defaults over windows of a file; run in an environment of its own.

Prints JSON: alarms by window, alarms of the whole data set by window, seconds a window, by the clock and of CPU.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def main(path: str) -> None:
    data = np.load(path, allow_pickle=False)
    numeric, categorical = data["numeric"], data["categorical"]
    names = [f"n{i}" for i in range(numeric.shape[1])]
    kinds = [f"c{i}" for i in range(categorical.shape[1])]

    def frame(low: int, high: int) -> Dataset:
        table = pd.DataFrame(numeric[low:high], columns=names)
        for i, kind in enumerate(kinds):
            table[kind] = categorical[low:high, i].astype(str)
        return Dataset.from_pandas(
            table, data_definition=DataDefinition(numerical_columns=names, categorical_columns=kinds)
        )

    known, rows = int(data["reference"]), int(data["rows"])
    reference = frame(0, known)
    columns, whole, took, used = [], [], [], []
    for start in range(known, len(numeric) - rows + 1, rows):
        before, cpu = time.perf_counter(), time.process_time()
        found = Report([DataDriftPreset()]).run(frame(start, start + rows), reference).dict()
        took.append(time.perf_counter() - before)
        used.append(time.process_time() - cpu)
        first = next(m["value"] for m in found["metrics"] if "DriftedColumnsCount" in str(m["metric_name"]))
        columns.append(int(first["count"]))
        whole.append(float(first["share"]) >= 0.5)
    print(json.dumps({"columns": columns, "whole": whole, "seconds": took, "cpu": used}))


if __name__ == "__main__":
    main(sys.argv[1])
