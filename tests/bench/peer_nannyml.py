"""NannyML's univariate drift with its defaults over windows of a file; run in an environment of its own.

Prints JSON: alarms by window and seconds a window.
"""

import json
import sys
import time

import nannyml
import numpy as np
import pandas as pd


def main(path: str) -> None:
    data = np.load(path, allow_pickle=False)
    numeric, categorical = data["numeric"], data["categorical"]
    table = pd.DataFrame(numeric, columns=[f"n{i}" for i in range(numeric.shape[1])])
    kinds = [f"c{i}" for i in range(categorical.shape[1])]
    for i, kind in enumerate(kinds):
        table[kind] = categorical[:, i].astype(str)
    known, rows = int(data["reference"]), int(data["rows"])
    names = list(table.columns)
    start = time.perf_counter()
    calculator = nannyml.UnivariateDriftCalculator(column_names=names, treat_as_categorical=kinds, chunk_size=rows).fit(
        table.iloc[:known]
    )
    found = calculator.calculate(table.iloc[known:]).filter(period="analysis").to_df()
    took = time.perf_counter() - start
    alarms = found.loc[:, [column for column in found.columns if column[-1] == "alert"]].sum(axis=1)
    print(json.dumps({"columns": [int(x) for x in alarms], "seconds": [took / max(len(found), 1)]}))


if __name__ == "__main__":
    main(sys.argv[1])
