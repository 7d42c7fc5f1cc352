"""Critical values take seconds to work out: nobody who scrapes waits for them, and the next start has them at once."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
import specs

from modelwatch.exporters import app, judging
from modelwatch.exporters.ingest import decode
from modelwatch.exporters.report import report
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.state import State
from modelwatch.exporters.statistics import quantiles, sums
from modelwatch.exporters.statistics.quantiles import QUANTILES, Quantiles
from modelwatch.model import types as t

PATH = f"/v1/models/{specs.NAME}/predictions"
# No other test has this rate, so that nothing has been worked out for it.
POLICY = dataclasses.replace(specs.model().drift, false_alarm_rate=Decimal("0.0123"))


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Quantiles]:
    """What a process of its own would know: nothing. Called again, it is yet another process."""

    def start() -> Quantiles:
        found = Quantiles()
        monkeypatch.setattr(sums, "QUANTILES", found)
        monkeypatch.setattr(judging, "QUANTILES", found)
        sums._recent.cache_clear()
        return found

    start()
    return start


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here hangs on how many and how good they are."""
    monkeypatch.setattr("modelwatch.exporters.critical.MOST_ROWS", 2000)
    monkeypatch.setattr("modelwatch.exporters.statistics.likelihood_ratio.MOST_STEPS", 2)
    monkeypatch.setattr("modelwatch.exporters.statistics.draws.DRAWS", 100)
    monkeypatch.setattr(sums, "FEW_BINS", 100)


@pytest.fixture(autouse=True)
def others_keep_theirs() -> Iterator[None]:
    yield
    sums._recent.cache_clear()


def _fleet(reference: Path, *features: t.Feature) -> t.Fleet:
    baseline = t.Baseline(data=str(reference))
    return specs.fleet(specs.model(baseline=baseline, drift=POLICY, features=features or specs.FEATURES))


def _drifts(text: str) -> list[str]:
    """Lines that hang on critical values."""
    named = ("model_drift_score{", "model_drift_detected{", "model_drift_critical_value{", "model_drift_p_value{")
    return [line for line in text.splitlines() if line.startswith((*named, "model_drift_chi_squared_quantile{"))]


@dataclasses.dataclass
class Slow:
    """Working out waits until ``go``."""

    begun: threading.Event
    go: threading.Event


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    found, right = Slow(threading.Event(), threading.Event()), sums._worked_out

    def waits(*asked: object) -> object:
        found.begun.set()
        assert found.go.wait(60)
        return right(*asked)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(sums, "_worked_out", waits)
    yield found
    found.go.set()


def test_a_scrape_does_not_wait_for_critical_values_and_says_that_scores_do(
    reference: Path,
    slow: Slow,
    serve_app: Callable[..., httpx2.Client],
    wait: Callable[..., None],
    fresh: Callable[[], Quantiles],
    clock,  # type: ignore[no-untyped-def]
) -> None:
    sidecar = Sidecar(_fleet(reference), None, clock, hurried=True)
    client = serve_app(sidecar)
    threading.Thread(target=app._warm, args=(sidecar,), daemon=True).start()
    sidecar.load()
    assert slow.begun.wait(60)
    # Nothing is worked out before ``go``: were one of these to wait for it, it would not come back.
    assert client.post(PATH, json={"rows": specs.rows(1, 600, shift=1.0)}).json()["accepted"] == 600
    text = client.get("/metrics").text
    assert _drifts(text) == []
    assert 'model_drift_inactive{feature="hour",model="flight-delay",reason="warming",window="15m"} 1.0' in text
    assert 'model_drift_samples{feature="hour",model="flight-delay",window="15m"} 600.0' in text
    assert 'model_feature_missing_ratio{feature="hour",model="flight-delay",window="1h"} 0.0' in text
    assert "model_drift_threshold{" in text
    assert "model_feature_reference_ratio{" in text
    model = client.get(f"/v1/models/{specs.NAME}").json()
    assert model["status"] == "collecting"
    window = model["features"][0]["windows"][0]
    assert window["detected"] is None
    assert window["score"] is None
    assert "critical values are being worked out" in window["inactive"]
    assert client.get("/v1/models").json()["warming"]
    assert client.get("/readyz").status_code == 200, "rows are counted"

    slow.go.set()
    wait(lambda: not sidecar.warming)
    text = client.get("/metrics").text
    assert 'reason="warming"' not in text
    assert client.get(f"/v1/models/{specs.NAME}").json()["status"] == "drift"

    fresh()
    patient = Sidecar(_fleet(reference), None, clock)
    patient.load()
    expected = serve_app(patient)
    expected.post(PATH, json={"rows": specs.rows(1, 600, shift=1.0)})
    assert _drifts(text) == _drifts(expected.get("/metrics").text), "to the last digit"


def test_windows_with_too_few_rows_say_so_and_not_that_they_wait_for_critical_values(reference: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = Sidecar(_fleet(reference), None, clock, hurried=True)
    sidecar.load()
    (model,) = report(sidecar)["models"]
    assert {window["inactive"] for window in model["features"][0]["windows"]} == {"needs 500 rows, has 0"}


def test_a_window_larger_than_any_foreseen_is_worked_out_once_somebody_has_asked(
    reference: Path,
    clock,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modelwatch.exporters.critical.MOST_ROWS", 600)
    sidecar = Sidecar(_fleet(reference), None, clock, hurried=True)
    sidecar.load()
    sidecar.warm()
    sidecar.ingest(specs.NAME, _table(3000))
    assert not sidecar.wanted.is_set()
    assert report(sidecar)["models"][0]["status"] == "collecting"
    assert sidecar.wanted.is_set()
    sidecar.warm()
    assert report(sidecar)["models"][0]["status"] == "ok"
    assert not sidecar.wanted.is_set()


def test_a_reload_leaves_no_moment_without_scores(reference: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = Sidecar(_fleet(reference), None, clock, hurried=True)
    sidecar.load()
    sidecar.warm()
    sidecar.ingest(specs.NAME, _table(600))
    assert report(sidecar)["models"][0]["status"] == "ok"
    # Another number of features is another rate for each of them.
    sidecar.load(_fleet(reference, specs.feature("hour"), specs.feature("distance")))
    assert report(sidecar)["models"][0]["status"] == "ok"


def test_a_restart_with_state_works_nothing_out(
    reference: Path,
    tmp_path: Path,
    clock,  # type: ignore[no-untyped-def]
    fresh: Callable[[], Quantiles],
) -> None:
    before = _running(reference, tmp_path, clock, fresh)
    assert before.worked_out > 0
    known = fresh()
    sidecar = Sidecar(_fleet(reference), State(tmp_path), clock, hurried=True)
    sidecar.load()
    sidecar.ingest(specs.NAME, _table(600))
    assert report(sidecar)["models"][0]["status"] == "ok", "scores are there before anybody warms"
    sidecar.warm()
    assert known.worked_out == 0
    assert known._known == before._known, "to the last digit"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-20],
        lambda content: content.replace(b"psi", b"PSI", 1),
        lambda content: b"",
        lambda content: b"\xff" * 100,
    ],
)
def test_a_damaged_file_is_told_and_worked_out_again(
    reference: Path,
    tmp_path: Path,
    clock,  # type: ignore[no-untyped-def]
    fresh: Callable[[], Quantiles],
    spoil: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = _running(reference, tmp_path, clock, fresh)
    file = tmp_path / judging.FILE
    whole = file.read_bytes()
    file.write_bytes(spoil(whole))
    after = _running(reference, tmp_path, clock, fresh)
    assert "is damaged" in caplog.text
    assert after.worked_out == before.worked_out
    assert file.read_bytes() == whole


def test_what_other_code_has_worked_out_is_not_taken_up(
    reference: Path,
    tmp_path: Path,
    clock,  # type: ignore[no-untyped-def]
    fresh: Callable[[], Quantiles],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(quantiles, "made_by", lambda: "an earlier version")
        before = _running(reference, tmp_path, clock, fresh)
    after = _running(reference, tmp_path, clock, fresh)
    assert after.worked_out == before.worked_out


def test_a_file_that_cannot_be_written_is_told_and_stops_nothing(
    reference: Path,
    tmp_path: Path,
    clock,  # type: ignore[no-untyped-def]
    fresh: Callable[[], Quantiles],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / f"{judging.FILE}.new").mkdir()
    _running(reference, tmp_path, clock, fresh)
    assert "the next start works critical values out again" in caplog.text


def test_of_more_references_than_fit_the_oldest_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "MOST_REFERENCES", 2)
    found = Quantiles()
    keys = [(quantiles.Reference(bytes([i]), 0.1), quantiles.Asked("psi", 1)) for i in range(3)]
    assert found.of(keys, lambda unknown: [float(i) for i in unknown]) == [0.0, 1.0, 2.0]
    assert [found.known([key]) for key in keys] == [False, True, True]
    assert QUANTILES.known([]), "nothing lacks nothing"


def _running(reference: Path, state: Path, clock: object, fresh: Callable[[], Quantiles]) -> Quantiles:
    """What a process knows that has been up for long enough."""
    known = fresh()
    sidecar = Sidecar(_fleet(reference), State(state), clock, hurried=True)  # type: ignore[arg-type]  # a turned one
    sidecar.load()
    sidecar.warm()
    return known


def _table(count: int):  # type: ignore[no-untyped-def]
    return decode(json.dumps({"rows": specs.rows(1, count)}).encode(), "application/json")
