"""Training, and the artifacts that are made once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from demo import artifacts
from demo.dataset import Dataset
from demo.models import AIR_TIME, FLIGHT_DELAY, GATE_RANKING, RECIPES, InputError
from demo.train import Trained, columns, train


def test_the_same_data_gives_the_same_models(few: Dataset, trained: dict[str, Trained]) -> None:
    again = train(few, lambda _: None, iterations=40)
    for name, found in trained.items():
        matrix = found.predictor.encode(columns(few, few.flights))
        assert np.array_equal(found.predictor.score(matrix), again[name].predictor.score(matrix))
        assert found.reference.equals(again[name].reference)


def test_every_model_beats_doing_without_one(trained: dict[str, Trained]) -> None:
    delay, minutes, ranking = (trained[recipe.name].scores for recipe in (FLIGHT_DELAY, AIR_TIME, GATE_RANKING))
    assert delay["accuracy"] > delay["always on time"]
    assert delay["AUC"] > 0.85
    assert minutes["mean absolute error"] < minutes["a line through distance"]
    assert ranking["late among a day's riskiest tenth"] > ranking["late"]


def test_a_baseline_has_every_feature_and_the_answers_of_days_held_out(
    trained: dict[str, Trained], few: Dataset
) -> None:
    for name, recipe in RECIPES.items():
        reference = trained[name].reference
        answers = ["prediction", "confidence"] if recipe is FLIGHT_DELAY else ["prediction"]
        assert reference.column_names == [*recipe.features, *answers]
        assert 0.06 < reference.num_rows / len(few.flights) < 0.14
        assert reference["prediction"].null_count == 0
    assert set(trained["flight-delay"].reference["prediction"].to_pylist()) == {"on_time", "late"}


def test_missing_weather_is_null_in_the_baseline(data: Dataset, few: Dataset) -> None:
    reference = train(few, lambda _: None, iterations=1)["flight-delay"].reference
    temp = reference["temp"]
    assert temp.null_count < len(temp) / 50
    assert not np.isnan(temp.drop_null().to_numpy()).any()


def test_an_unknown_category_and_a_missing_value_are_answered_too(trained: dict[str, Trained]) -> None:
    predictor = trained["flight-delay"].predictor
    row = FLIGHT_DELAY.read({"carrier": "??", "origin": "JFK"})
    (score,) = predictor.score(predictor.encode_rows([row]))
    assert 0 <= score <= 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"distance": "far"}, "distance is 'far': give a number or null"),
        ({"distance": True}, "distance is True: give a number or null"),
        ({"distance": float("inf")}, "distance is inf: give a number or null"),
        ({"carrier": 7}, "carrier is 7: give a text or null"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(row: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        FLIGHT_DELAY.read(row)
    assert str(caught.value) == message


def test_models_are_trained_once_and_again_when_something_changed(few: Dataset, tmp_path: Path) -> None:
    said: list[str] = []
    loads: list[int] = []

    def load() -> Dataset:
        loads.append(1)
        return few

    first = artifacts.ensure(tmp_path, said.append, load)
    assert any("training flight-delay" in line for line in said)
    assert any("9,430 were cancelled or diverted" in line for line in said)
    for name in RECIPES:
        assert pyarrow.parquet.read_metadata(tmp_path / f"{name}.parquet").num_rows > 0
    again = artifacts.ensure(tmp_path, said.append, load)
    assert len(loads) == 1
    assert again.scores == first.scores
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "fingerprint": "of older code"}))
    artifacts.ensure(tmp_path, said.append, load)
    assert len(loads) == 2
    (tmp_path / "air-time.parquet").unlink()
    artifacts.ensure(tmp_path, said.append, load)
    assert len(loads) == 3
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".new-")]


def test_an_interrupted_training_leaves_nothing_that_passes_for_whole(
    few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(pyarrow.parquet, "write_table", fail)
    with pytest.raises(OSError, match="no space left"):
        artifacts.ensure(tmp_path, lambda _: None, lambda: few)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
