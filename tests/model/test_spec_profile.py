"""The reference profile beside a spec: what check sees of it, and how little of it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.model import profile_head
from modelwatch.model.profile_head import FORMAT, KnownFeature, NoProfileError, content_hash, profile_features

from .conftest import Load, told

SPEC = """\
apiVersion: modelwatch/v1
kind: Model
metadata: {name: churn, owner: growth}
serving: {job: churn, targets: ["127.0.0.1:8000"]}
task: {type: classification}
features:
  - {name: age, type: numeric}
  - {name: plan, type: categorical}
baseline: {profile: churn.profile.json}
"""
AGE = {"name": "age", "type": "numeric", "edges": [1.5]}
PLAN = {"name": "plan", "type": "categorical", "categories": ["a", "b", "c"], "others": [], "complete": True}


def profile(*features: Any, rows: int = 1200) -> str:
    content = {"format": FORMAT, "model": "churn", "rows": rows, "features": features, "pca": None}
    return json.dumps({"sha256": content_hash(content), **content})


def check(load: Load, spec: str, *features: Any) -> list[str]:
    Path("models/churn.profile.json").write_text(profile(*features))
    return told(load(churn=spec))


def test_a_feature_that_the_profile_knows_as_another_type_is_told_either_way(load: Load) -> None:
    assert check(load, SPEC, AGE, PLAN) == []
    assert check(load, SPEC, {**PLAN, "name": "age"}, {**AGE, "name": "plan"}) == [
        "7:23 MW053 'age' is numeric here and categorical in the profile churn.profile.json, so its drift cannot be told",
        "8:24 MW053 'plan' is categorical here and numeric in the profile churn.profile.json, so its drift cannot be told",
    ]


def test_answers_of_another_type_are_told_at_the_task(load: Load) -> None:
    (line,) = check(load, SPEC, AGE, PLAN, {**AGE, "name": "prediction"})
    assert line == (
        "5:14 MW053 answers of a classification are categorical, and the profile churn.profile.json has numeric ones, "
        "so their drift cannot be told"
    )


@pytest.mark.parametrize(
    ("wanted", "others", "complete", "told_of"),
    [(3, [], True, False), (5, [], True, False), (5, ["d"], True, True), (5, [], False, True), (2, [], True, True)],
)
def test_another_number_of_categories_is_a_warning_where_it_makes_a_difference(
    load: Load, wanted: int, others: list[str], complete: bool, told_of: bool
) -> None:
    """A feature with fewer categories than the spec allows has none left to count."""
    spec = SPEC.replace("name: plan, type: categorical", f"name: plan, type: categorical, max_categories: {wanted}")
    Path("models/churn.profile.json").write_text(profile(AGE, {**PLAN, "others": others, "complete": complete}))
    found = load(churn=spec).diagnostics
    assert [(one.code, one.severity) for one in found] == [("MW053", "warning")] * told_of
    assert all(one.help.endswith("or write max_categories: 3") for one in found)


def test_a_profile_of_another_version_of_modelwatch_is_told(load: Load) -> None:
    Path("models/churn.profile.json").write_text(profile(AGE, PLAN).replace(FORMAT, "modelwatch.profile/1"))
    (line,) = told(load(churn=SPEC))
    assert 'MW032 churn.profile.json: it has the format "modelwatch.profile/1", and this version reads' in line


def test_a_profile_that_was_edited_is_told_with_the_command_that_makes_it_again(load: Load) -> None:
    Path("models/churn.profile.json").write_text(profile(AGE, PLAN).replace('"rows": 1200', '"rows": 1201'))
    (found,) = load(churn=SPEC).diagnostics
    assert (found.code, found.severity) == ("MW032", "error")
    assert found.message.startswith("churn.profile.json: its content does not match its sha256")
    assert found.help == "make it again with modelwatch profile churn --data DATA"


def test_a_large_profile_is_not_read_whole(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = profile(AGE, PLAN).replace('"rows": 1200', '"rows": 1201')
    monkeypatch.setattr(profile_head, "MOST_BYTES", len(edited) - 1)
    Path("models/churn.profile.json").write_text(edited)
    assert told(load(churn=SPEC)) == []


@pytest.mark.parametrize(("rows", "told_of"), [(99, True), (1, True), (100, False)])
def test_a_profile_of_too_few_rows_is_a_warning(load: Load, rows: int, told_of: bool) -> None:
    Path("models/churn.profile.json").write_text(profile(AGE, PLAN, rows=rows))
    found = load(churn=SPEC).diagnostics
    assert [(one.code, one.severity) for one in found] == [("MW057", "warning")] * told_of
    assert all(f"made of {rows} row" in one.message for one in found)


def counted(missing: int) -> dict[str, Any]:
    return {**AGE, "counts": {"-inf..1.5": 600, "1.5..inf": 400 - missing, "missing": missing}}


@pytest.mark.parametrize(
    ("limit", "missing", "line"),
    [
        ("", 50, None),
        (
            "",
            120,
            "7:12 MW058 12 % of 'age' are missing in the profile churn.profile.json already, and the limit is 5 % "
            "(the default): it alarms without any drift",
        ),
        (", missing: {max_ratio: 0.2}", 200, None),
        (
            ", missing: {max_ratio: 0.1}",
            125,
            "7:53 MW058 12.5 % of 'age' are missing in the profile churn.profile.json already, and the limit is 10 %: "
            "it alarms without any drift",
        ),
    ],
)
def test_more_missing_in_the_profile_than_the_limit_is_a_warning(
    load: Load, limit: str, missing: int, line: str | None
) -> None:
    spec = SPEC.replace("type: numeric", f"type: numeric{limit}")
    assert check(load, spec, counted(missing), PLAN) == ([line] if line else [])
    assert [one.severity for one in load(churn=spec).diagnostics] == (["warning"] if line else [])


@pytest.mark.parametrize(("missing", "room"), [(120, "0.19"), (60, "0.10"), (400, "0.61")])
def test_the_limit_that_is_advised_leaves_room_and_ends_the_warning(load: Load, missing: int, room: str) -> None:
    check(load, SPEC, counted(missing), PLAN)
    (found,) = load(churn=SPEC).diagnostics
    assert found.help.startswith(f"write missing: {{max_ratio: {room}}}, or mend the data and make the profile again")
    mended = SPEC.replace("type: numeric", f"type: numeric, missing: {{max_ratio: {room}}}")
    assert told(load(churn=mended)) == []


def test_what_follows_the_features_is_not_read(tmp_path: Path) -> None:
    """Nonsense there is the proof: reading it would fail."""
    path = tmp_path / "p.json"
    path.write_text(profile(AGE, PLAN).removesuffix(', "pca": null}') + ', "seasons": [}{' + "9" * 5_000_000 + "}")
    assert list(profile_features(path)) == ["age", "plan"]


@pytest.mark.parametrize("counts", [[1, 2], "many", {"missing": "3"}, {"0": 4}])
def test_counts_that_are_none_are_no_profile(tmp_path: Path, counts: object) -> None:
    path = tmp_path / "p.json"
    path.write_text(profile({**AGE, "counts": counts}))
    with pytest.raises(NoProfileError):
        profile_features(path)


def test_a_profile_that_was_copied_in_part_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    whole = profile(AGE, PLAN)
    for end in range(len(whole)):
        path.write_text(whole[:end])
        with pytest.raises(NoProfileError):
            profile_features(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    chunk=st.integers(1, 40),
    names=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4, unique=True),
    indent=st.none() | st.integers(0, 2),
)
def test_features_are_the_same_wherever_the_parts_that_are_read_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, names: list[str], indent: int | None
) -> None:
    monkeypatch.setattr(profile_head, "_CHUNK", chunk)
    path = tmp_path / "p.json"
    document = json.loads(profile(*({**AGE, "name": name} for name in names)))
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=False), encoding="utf-8")
    assert profile_features(path) == dict.fromkeys(names, KnownFeature("numeric"))
