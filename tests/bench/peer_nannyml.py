"""NannyML's univariate drift with its defaults over windows of a file; run in an environment of its own.

The file has ``numeric``, ``categorical`` and ``sizes``, the rows of each window; the first ``known`` windows are the
reference. Each window is handed over as an hour, because NannyML cuts no periods of five minutes. Prints JSON: for each
window whether each column is called drifted.
"""

import json
import os
import sys

# It reports its use to its makers.
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import numpy as np
import pandas as pd


def main(path: str) -> None:
    data = np.load(path, allow_pickle=False)
    numeric, categorical, sizes, known = data["numeric"], data["categorical"], data["sizes"], int(data["known"])
    table = pd.DataFrame(numeric, columns=[f"n{i}" for i in range(numeric.shape[1])])
    kinds = [f"c{i}" for i in range(categorical.shape[1])]
    for i, kind in enumerate(kinds):
        table[kind] = categorical[:, i].astype(str)
    names = list(table.columns)
    hours = np.repeat(np.arange(len(sizes)), sizes)
    table["time"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(hours, unit="h")
    first = int(sizes[:known].sum())
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=names, treat_as_categorical=kinds, timestamp_column_name="time", chunk_period="h"
    ).fit(table.iloc[:first])
    found = calculator.calculate(table.iloc[first:]).filter(period="analysis").to_df()
    (methods,) = {tuple(m for m in found[name].columns.get_level_values(0).unique()) for name in names}
    called = np.array([found[(name, methods[0], "alert")] for name in names]).T
    assert called.shape == (len(sizes) - known, len(names)), called.shape
    print(json.dumps({"called": called.astype(int).tolist(), "methods": list(methods)}))


if __name__ == "__main__":
    main(sys.argv[1])
