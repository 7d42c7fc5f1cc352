"""scouter-ml's PSI over the numeric columns of a file, against a stored profile; run in an environment of its own.

Prints JSON: the best of several runs, in seconds of the clock and of CPU. It takes all cores.
"""

import json
import sys
import time

import numpy as np
from scouter import Drifter, PsiDriftConfig


def main(path: str) -> None:
    data = np.load(path, allow_pickle=False)
    reference, current = np.ascontiguousarray(data["reference"]), np.ascontiguousarray(data["current"])
    drifter = Drifter()
    profile = drifter.create_drift_profile(reference, PsiDriftConfig(name="m", space="s", version="1.0.0"))
    wall, cpu = [], []
    for _ in range(7):
        before, used = time.perf_counter(), time.process_time()
        drifter.compute_drift(current, profile)
        wall.append(time.perf_counter() - before)
        cpu.append(time.process_time() - used)
    print(json.dumps({"wall": min(wall), "cpu": min(cpu)}))


if __name__ == "__main__":
    main(sys.argv[1])
