"""Why a model has an alert or not: one mechanism decides it and tells it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from modelwatch.alert_rules import families
from modelwatch.alert_rules.rules import Scope
from modelwatch.model import defaults, load
from modelwatch.model import types as t

# Values of each part of a spec that an alert might hang on.
PARTS: dict[str, tuple[str, ...]] = {
    "serving": ("{job: a}", "{job: a, mode: batch, every: 1d}"),
    "task": ("{type: classification, classes: [p, q]}", "{type: classification}", "{type: regression}"),
    "performance": ("", "{metrics: {accuracy: {min: 0.8}}}"),
    "slos": ("", "[]", "[{name: rows, objective: 99, sli: valid_rows}]"),
    "features": (
        "",
        "[{name: f, type: numeric}]",
        "[{name: f, type: numeric, range: [0, 1], missing: {max_ratio: 1}}]",
        "[{name: f, type: categorical}]",
        "[{name: f, type: numeric}, {name: age, type: numeric}]",
    ),
    "baseline": ("", "{data: training.csv}"),
}
HEAD = "apiVersion: modelwatch/v1\nkind: Model\nmetadata: {name: a, owner: o}\n"


def model_of(folder: Path, parts: dict[str, str]) -> t.Model | None:
    """The model, or None where the parts contradict each other."""
    (folder / "training.csv").write_text("f,age,country\n1,2,DE\n")
    path = folder / "a.yaml"
    path.write_text(HEAD + "".join(f"{key}: {value}\n" for key, value in parts.items() if value))
    try:
        return load.load_model(path)
    except load.SpecError:
        return None


def emitted(model: t.Model) -> set[str]:
    return {alert.name for file in families.model_files(Scope(model, defaults.STACK)) for alert in file.alerts}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[t.Model]:
    def found() -> Iterator[t.Model]:
        folder = tmp_path_factory.mktemp("specs")
        for values in itertools.product(*PARTS.values()):
            model = model_of(folder, dict(zip(PARTS, values, strict=True)))
            if model is not None:
                yield model

    return list(found())


def test_a_model_has_an_alert_exactly_when_it_meets_what_the_alert_says_it_needs(models: list[t.Model]) -> None:
    assert len(models) > 50
    for model in models:
        made = emitted(model)
        for name, condition in families.conditions().items():
            assert (name in made) == condition.holds(model) == (condition.unmet(model) == ()), (name, model)


def test_every_alert_that_some_model_lacks_says_what_it_needs(models: list[t.Model]) -> None:
    made = [emitted(model) for model in models]
    sometimes = set.union(*made) - set.intersection(*made)
    assert sometimes == set(families.conditions())


@pytest.mark.parametrize("name", sorted(families.conditions()))
def test_a_model_that_follows_the_example_has_the_alert(name: str, tmp_path: Path) -> None:
    parts = {"serving": "{job: a}", "task": "{type: classification, classes: [p, q]}"}
    if name == "ModelBatchOverdue":
        parts["slos"] = "[]"
    for field, value in yaml.safe_load(families.conditions()[name].example).items():
        given = {"job": "a", **value} if field == "serving" else value
        parts[field] = yaml.safe_dump(given, default_flow_style=True, width=1000).strip()
    model = model_of(tmp_path, parts)
    assert model is not None and name in emitted(model)
