"""What `/v1/models` says of values above their limits, and what `modelwatch status` makes of a model in trouble."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import httpx2
import numpy as np
import pytest
import specs

from modelwatch.compose import watching
from modelwatch.exporters.clock import Clock
from modelwatch.exporters.ingest import decode
from modelwatch.exporters.report import report
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.model import types as t


def _rows(count: int) -> list[dict[str, object]]:
    """Distances moved, a tenth of hours missing and a tenth beyond their range, some carriers never seen."""
    rows = specs.rows(1, count, shift=1.0)
    for number, row in enumerate(rows):
        features = row["features"]
        assert isinstance(features, dict)
        if number % 10 == 0:
            features["hour"] = None
        if number % 10 == 1:
            features["hour"] = 30
        if number % 20 == 0:
            features["carrier"] = "ZZ"
    return rows


def _troubled(reference: Path, clock: object, rows: int) -> Sidecar:
    found = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(reference)))), None, clock)  # type: ignore[arg-type]  # a turned one
    found.load()
    found.ingest(specs.NAME, decode(json.dumps({"rows": _rows(rows)}).encode(), "application/json"))
    return found


@pytest.fixture
def troubled(reference: Path, clock) -> Sidecar:  # type: ignore[no-untyped-def]
    return _troubled(reference, clock, 1000)


def test_shares_that_the_alerts_look_at_are_told_with_their_limits(troubled: Sidecar) -> None:
    (model,) = report(troubled)["models"]
    hour, distance, carrier, prediction, *_ = model["features"]
    assert hour["limits"] == {"missing_ratio": 0.05, "out_of_range_ratio": 0.01}
    assert hour["windows"][0]["above_limits"] == ["missing_ratio", "out_of_range_ratio"]
    assert distance["limits"] == {"missing_ratio": 0.05}
    assert distance["windows"][0]["above_limits"] == []
    assert carrier["limits"] == {"missing_ratio": 0.05, "new_category_ratio": 0.01}
    assert carrier["windows"][0]["above_limits"] == ["new_category_ratio"]
    assert prediction["limits"] == {}


def test_only_a_window_without_a_reconstruction_ratio_says_why(reference: Path, clock: Clock) -> None:
    (model,) = report(_troubled(reference, clock, 100))["models"]
    few = model["answers"][0]
    # A tenth of the rows has no hour.
    why = "needs 500 rows in which all of 2 numeric features have a value, has looked at 90"
    assert (few["reconstruction_error_ratio"], few["reconstruction_inactive"]) == (None, why)
    (model,) = report(_troubled(reference, clock, 1000))["models"]
    enough = model["answers"][0]
    assert enough["reconstruction_error_ratio"] > 0 and enough["reconstruction_inactive"] is None


def test_a_few_rows_are_above_no_limit(reference: Path, clock) -> None:  # type: ignore[no-untyped-def]
    (model,) = report(_troubled(reference, clock, 20))["models"]
    assert [window["above_limits"] for feature in model["features"] for window in feature["windows"]] == [[]] * 10


def test_status_tells_in_a_line_what_somebody_who_is_woken_needs(
    troubled: Sidecar, serve_app: Callable[..., httpx2.Client]
) -> None:
    client = serve_app(troubled)
    out = io.StringIO()
    assert watching.sidecar_status(str(client.base_url), out) == 0
    score = client.get(f"/v1/models/{specs.NAME}").json()["features"][1]["windows"][0]["score"]
    critical = float(troubled.spec(specs.NAME).features[1].drift.critical)
    assert f"distance (js {score:.3g} > critical {critical:.3g} in 15m, also 1h)" in out.getvalue()
    assert "too many missing values: hour (10 % > 5 % in 15m, also 1h)" in out.getvalue()
    assert "too many new categories: carrier (5 % > 1 % in 15m, also 1h)" in out.getvalue()
    assert "too many values out of range: hour (11.1 % > 1 % in 15m, also 1h)" in out.getvalue()

    out = io.StringIO()
    assert watching.sidecar_status(str(client.base_url), out, "json") == 0
    [model] = json.loads(out.getvalue())["models"]
    [distance] = [one for one in model["drifts"] if one["feature"] == "distance"]
    assert (distance["window"], distance["method"], distance["score"]) == ("15m", "js", score)
    assert (distance["level"], distance["also"]) == ("critical", ["1h"])
    assert distance["critical_value"] < score
    assert [(one["feature"], one["what"], one["limit"]) for one in model["shares"]] == [
        ("hour", "missing", 0.05),
        ("carrier", "new_category", 0.01),
        ("hour", "out_of_range", 0.01),
    ]


def test_status_and_the_report_tell_rows_that_no_longer_fit_and_features_that_no_longer_go_together(
    tmp_path: Path, clock: object, serve_app: Callable[..., httpx2.Client]
) -> None:
    """Two features that went together, and now go against each other, each as ever if looked at alone."""
    rng = np.random.default_rng(7)

    def rows(count: int, sign: float) -> list[tuple[float, float]]:
        a = rng.normal(size=count)
        return list(zip(a.tolist(), (sign * a + rng.normal(size=count) * 0.2).tolist(), strict=True))

    (tmp_path / "pair.csv").write_text("a,b\n" + "".join(f"{a:.5f},{b:.5f}\n" for a, b in rows(5000, 1.0)))
    model = specs.model(
        features=(specs.feature("a"), specs.feature("b")), baseline=t.Baseline(data=str(tmp_path / "pair.csv"))
    )
    sidecar = Sidecar(specs.fleet(model), None, clock)  # type: ignore[arg-type]  # a turned one
    sidecar.load()
    table = {"rows": [{"features": {"a": a, "b": b}, "prediction": "late"} for a, b in rows(900, -1.0)]}
    sidecar.ingest(specs.NAME, decode(json.dumps(table).encode(), "application/json"))

    (told,) = report(sidecar)["models"]
    answers = told["answers"][0]
    assert answers["above_limits"] == ["reconstruction_error_ratio", "correlation_change"]
    assert answers["limits"] == {"reconstruction_error_ratio": 2.0, "correlation_change": 0.3}
    error, (changed,) = answers["reconstruction_error_ratio"], answers["correlation_changes"]

    url = str(serve_app(sidecar).base_url)
    out = io.StringIO()
    assert watching.sidecar_status(url, out) == 0
    assert f"rows unlike the reference (error {error:.3g} x > 2 x in 15m, also 1h)" in out.getvalue()
    assert f"correlation of a and b changed by {changed['change']:+.2g} (15m, also 1h)" in out.getvalue()
    out = io.StringIO()
    assert watching.sidecar_status(url, out, "json") == 0
    [state] = json.loads(out.getvalue())["models"]
    assert (state["unlike"]["ratio"], state["unlike"]["limit"]) == (error, 2.0)
    assert [(one["feature"], one["other"], one["limit"]) for one in state["correlations"]] == [("a", "b", 0.3)]
