"""What the rules of drift cost a real Prometheus: one evaluation for a model of 40 features in 13 bins, four windows.

Two replicas, and records as they are after a week. Printed are series written, samples read and time of CPU by rule, and
what 1,000 such models would take.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

from modelwatch.alert_rules import drift_counts, drift_records
from modelwatch.alert_rules.rules import Scope
from modelwatch.compose import parts
from modelwatch.model import defaults
from modelwatch.model import types as t
from modelwatch.model.load import load_fleet
from modelwatch.model.units import Duration
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import records as r
from tests.alert_rules.recorder import Recorder, line

MODEL, FEATURES, BINS, REPLICAS = "flight-delay", 40, 13, ("a:9180", "b:9180")
WINDOWS = ("15m", "1h", "1d", "7d")
END = 1_700_000_400 // 3600 * 3600
MODELS, TIMES = 1000, 20


def stored() -> Iterator[str]:
    for replica in REPLICAS:
        place = {"model": MODEL, "job": "sidecar", "instance": replica}
        for at in range(END - 300, END + 1, 15):
            yield line(m.REFERENCE_INFO.name, {**place, "reference": "abc", "rows": "9"}, 1, at)
            for feature in range(FEATURES):
                here = {**place, "feature": f"f{feature}"}
                yield line(m.REFERENCE_ROWS.name, here, 100_000, at)
                yield line(m.DRIFT_CHI_SQUARED_QUANTILE.name, here, 40, at)
                yield line(m.DRIFT_THRESHOLD.name, {**here, "method": "psi", "level": "warning"}, 0.1, at)
                for bin in range(BINS):
                    yield line(m.FEATURE_REFERENCE.name, {**here, "bin": f"b{bin}"}, repr(1 / BINS), at)
                    yield line(m.FEATURE_VALUES.name, {**here, "bin": f"b{bin}"}, (at - END + 400) * (bin + 20), at)
    for feature in range(FEATURES):
        for bin in range(BINS):
            here = {"model": MODEL, "feature": f"f{feature}", "bin": f"b{bin}", "reference": "abc"}
            for at in range(END - 3600, END, 120):
                yield line(r.VALUES_STEP.name, here, 120 * (bin + 20), at)
            for at in range(END - 7 * 86400, END, 3600):
                yield line(r.VALUES_SLICE.name, {**here, "part": "1h"}, 3600 * (bin + 20), at)


def main() -> None:
    server, tool = parts.find("prometheus", "newest"), parts.find("promtool", "newest")
    if server is None or tool is None:
        raise SystemExit("Prometheus is not here: run `make tools`")
    fleet = load_fleet(Path("models")).unwrap()
    model = next(one for one in fleet.models if one.name == MODEL)
    policy = t.DriftPolicy(tuple(map(Duration.parse, WINDOWS)), 500, defaults.DRIFT.false_alarm_rate)
    scope = Scope(dataclasses.replace(model, drift=policy), fleet.stack)
    rules = drift_records.rules(scope)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(server, tool, Path(folder), END)
        # As after compaction: blocks of days.
        recorder.store(stored(), "--max-block-duration=8d")
        costs = recorder.record(rules, times=TIMES)
    print(f"{'record':45} {'series':>7} {'samples':>9} {'ms':>7}")
    for rule, cost in zip(rules, costs, strict=True):
        name = f"{rule.record} {rule.labels.get('method', '')}"
        print(f"{name:45} {cost.series:7} {cost.samples:9,} {cost.seconds * 1000:7.1f}")
    series, samples, seconds = (sum(getattr(cost, what) for cost in costs) for what in ("series", "samples", "seconds"))
    print(f"{'all':45} {series:7} {samples:9,} {seconds * 1000:7.1f}")
    interval = drift_counts.step(scope).seconds
    print(
        f"{MODELS:,} models, every {interval:.0f} seconds: {samples * MODELS / interval / 1e6:.1f} million samples a second, "
        f"{seconds * MODELS / interval:.1f} cores, {series * MODELS / 1e6:.1f} million series"
    )


if __name__ == "__main__":
    main()
