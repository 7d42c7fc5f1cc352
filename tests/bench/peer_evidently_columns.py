"""What Evidently's DataDriftPreset says of each column, with its defaults; run in an environment of its own.

The preset draws a plot of every column, which takes nine tenths of its time, so here its own default test of a column
is called instead. In the first and the last window the whole preset is run too and must say the same. The file is that
of ``peer_nannyml``. Prints JSON: for each window whether each column is called drifted.
"""

import json
import sys

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset


def main(path: str) -> None:
    data = np.load(path, allow_pickle=False)
    numeric, categorical, sizes, known = data["numeric"], data["categorical"], data["sizes"], int(data["known"])
    names = [f"n{i}" for i in range(numeric.shape[1])]
    kinds = [f"c{i}" for i in range(categorical.shape[1])]
    table = pd.DataFrame(numeric, columns=names)
    for i, kind in enumerate(kinds):
        table[kind] = categorical[:, i].astype(str)
    ends = np.cumsum(sizes)
    reference = table.iloc[: ends[known - 1]]
    windows = [table.iloc[end - size : end] for end, size in zip(ends[known:], sizes[known:], strict=True)]

    def columns(window: pd.DataFrame) -> list[int]:
        found = []
        for name in table.columns:
            kind = ColumnType.Numerical if name in names else ColumnType.Categorical
            test = get_stattest(reference[name], window[name], kind, None)
            found.append(int(test(reference[name], window[name], kind, None).drifted))
        return found

    called = [columns(window) for window in windows]
    definition = DataDefinition(numerical_columns=names, categorical_columns=kinds)
    for place in (0, -1):
        pair = (Dataset.from_pandas(part, data_definition=definition) for part in (windows[place], reference))
        report = Report([DataDriftPreset()]).run(*pair).dict()
        said = [one for one in report["metrics"] if one["config"]["type"].endswith("ValueDrift")]
        # The defaults for more than 1,000 rows of reference are distances: the higher the further.
        assert all("distance" in one["config"]["method"] for one in said)
        by_name = {one["config"]["column"]: int(one["value"] >= one["config"]["threshold"]) for one in said}
        assert [by_name[name] for name in table.columns] == called[place], (by_name, called[place])
    methods = sorted({one["config"]["method"] for one in said})
    print(json.dumps({"called": called, "methods": methods}))


if __name__ == "__main__":
    main(sys.argv[1])
