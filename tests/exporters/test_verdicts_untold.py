"""A method that cannot tell of a window says why, and is never taken for one that saw no drift."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import specs

from modelwatch.exporters.exposition import Scrape
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.report import report
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.model import types as t
from modelwatch.model.defaults import NUMERIC_METHODS

METHODS: list[t.DriftMethod] = sorted(NUMERIC_METHODS)


@pytest.fixture
def watch(tmp_path: Path, clock: Any) -> Any:
    """A sidecar of one numeric feature ``a`` beside a plain one, over a reference of such values of it."""

    def made(method: t.DriftMethod, reference: Sequence[float | None]) -> Sidecar:
        rng = np.random.default_rng(1)
        lines = ["a,b", *(f"{'' if a is None else a},{rng.normal():.4f}" for a in reference)]
        (tmp_path / "reference.csv").write_text("\n".join(lines) + "\n")
        features = (specs.feature("a", method=method), specs.feature("b"))
        model = specs.model(features=features, baseline=t.Baseline(data=str(tmp_path / "reference.csv")))
        found = Sidecar(specs.fleet(model), None, clock)
        found.load()
        return found

    return made


def normal(count: int, seed: int = 2) -> list[float]:
    return [round(float(one), 4) for one in np.random.default_rng(seed).normal(size=count)]


def send(sidecar: Sidecar, values: Sequence[float | None]) -> None:
    rows = [
        {"features": {"a": a, "b": b}, "prediction": "late"}
        for a, b in zip(values, normal(len(values), 3), strict=True)
    ]
    assert sidecar.ingest(specs.NAME, rows_table(rows)).accepted == len(values)


def window(sidecar: Sidecar) -> dict[str, Any]:
    (model,) = report(sidecar)["models"]
    found = model["features"][0]["windows"][0]
    assert isinstance(found, dict)
    return found


def lines(sidecar: Sidecar, metric: str) -> list[str]:
    text = Scrape(sidecar).page().text()
    return [one for one in text.splitlines() if re.match(rf'{metric}{{feature="a",.*window="15m"', one)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("there", [0, 1, 499])
def test_a_window_of_missing_values_has_a_reason_where_the_method_looks_at_values(
    watch: Any, method: t.DriftMethod, there: int
) -> None:
    sidecar = watch(method, normal(3000))
    send(sidecar, [*normal(there), *[None] * (900 - there)])
    found = window(sidecar)
    assert found["inactive"] == f"needs 500 values, has {there}: the other {900 - there} rows lack it"
    assert (found["score"], found["detected"]) == (None, None)
    (inactive,) = lines(sidecar, "model_drift_inactive")
    assert 'reason="few_values"' in inactive and inactive.endswith(" 1.0")
    assert lines(sidecar, "model_drift_detected") == []
    # The plain feature and methods of bins go on: to them missing is a bin.
    assert found["scores"]["psi"] > 1 and "ks" not in found["scores"]


@pytest.mark.parametrize("method", METHODS)
def test_enough_values_beside_missing_ones_have_a_score(watch: Any, method: t.DriftMethod) -> None:
    sidecar = watch(method, normal(3000))
    send(sidecar, [*normal(500), *[None] * 400])
    found = window(sidecar)
    assert found["inactive"] is None and found["score"] is not None and found["detected"] is False
    assert lines(sidecar, "model_drift_inactive") == []


def test_missing_values_are_drift_to_a_method_of_bins(watch: Any) -> None:
    sidecar = watch("psi", normal(3000))
    send(sidecar, [None] * 900)
    assert (window(sidecar)["inactive"], window(sidecar)["detected"]) == (None, True)


@pytest.mark.parametrize(
    ("method", "told"), [("ks", True), ("mean_shift", None), ("std_shift", None), ("wasserstein_scaled", None)]
)
def test_nothing_is_measured_in_the_deviations_of_a_reference_that_never_varies(
    watch: Any, method: t.DriftMethod, told: bool | None
) -> None:
    sidecar = watch(method, [7.0] * 3000)
    send(sidecar, normal(900))
    found = window(sidecar)
    assert found["detected"] is told
    assert (found["score"] is None) == (told is None)
    assert [re.findall(r'reason="(\w+)"', line) for line in lines(sidecar, "model_drift_inactive")] == (
        [] if told else [["constant_reference"]]
    )


def test_a_window_of_one_value_has_no_logarithm_of_its_deviation(watch: Any) -> None:
    sidecar = watch("std_shift", [float(n % 5) for n in range(3000)])
    send(sidecar, [2.0] * 900)
    found = window(sidecar)
    assert found["detected"] is None and "all its values in the window are equal" in found["inactive"]


@pytest.mark.parametrize("method", METHODS)
def test_a_reference_without_a_value_of_the_feature_has_a_reason(watch: Any, method: t.DriftMethod) -> None:
    sidecar = watch(method, [None] * 3000)
    send(sidecar, normal(900))
    found = window(sidecar)
    assert found["detected"] is None and found["inactive"].startswith("the reference has no values of it")
