"""A folder of specs becomes a fleet, or every problem of every file at once."""

from __future__ import annotations

import math
import os
import shutil
from decimal import Decimal
from pathlib import Path
from statistics import NormalDist
from typing import get_args

import numpy as np
import pytest

from modelwatch.model import defaults
from modelwatch.model import types as t
from modelwatch.model.addresses import Addresses
from modelwatch.model.diagnostics import SpecError
from modelwatch.model.load import load_fleet, load_model
from modelwatch.model.units import Duration

from .conftest import TEN_LINES, Load, told

MODELS = Path(__file__).parents[2] / "models"


def test_the_models_of_the_repository_load_without_an_error() -> None:
    loaded = load_fleet(MODELS)
    assert loaded.fleet is not None
    assert [model.name for model in loaded.fleet.models] == ["air-time", "flight-delay", "gate-ranking"]
    assert {found.code for found in loaded.diagnostics} <= {"MW031"}


def test_ten_lines_make_a_model_with_expert_defaults(load: Load) -> None:
    loaded = load(churn=TEN_LINES)
    assert loaded.diagnostics == ()
    (model,) = loaded.unwrap().models
    assert model == t.Model(
        name="churn",
        owner="growth",
        tier="standard",
        description="",
        links=t.Links(),
        serving=t.Serving("churn", "prod", "online", (), "/metrics", None),
        task=t.Task("classification"),
        features=(
            t.Feature("age", "numeric", t.Drift("psi", Decimal("0.1"), Decimal("0.25")), Decimal("0.05")),
            t.Feature("plan", "categorical", t.Drift("psi", Decimal("0.1"), Decimal("0.25")), Decimal("0.05")),
        ),
        drift=defaults.DRIFT,
        baseline=None,
        slos=defaults.SLOS,
        limits=defaults.LIMITS,
        performance=defaults.PERFORMANCE,
        tracing=defaults.TRACING,
        routes={},
        source="models/churn.yaml",
    )


def test_without_a_stack_file_pages_and_tickets_go_to_pagerduty(load: Load) -> None:
    stack = load(churn=TEN_LINES).unwrap().stack
    assert stack == defaults.STACK
    assert stack.receivers["pagerduty"].key_file == "secrets/pagerduty.key"
    assert (stack.routes["page"], stack.routes["ticket"]) == ("pagerduty", "pagerduty")


def test_numbers_are_exactly_what_is_written(load: Load) -> None:
    text = TEN_LINES + "slos: [{name: a, objective: 99.9, sli: errors}, {name: b, objective: 99.90, sli: valid_rows}]\n"
    first, second = load(churn=text).unwrap().models[0].slos
    assert (str(first.objective), str(second.objective)) == ("99.9", "99.90")
    assert first.error_budget == Decimal("0.001")


@pytest.mark.parametrize("method", get_args(t.DriftMethod))
def test_each_drift_method_has_thresholds_of_its_own(load: Load, method: t.DriftMethod) -> None:
    text = TEN_LINES.replace("type: numeric", f"type: numeric, drift: {{method: {method}}}")
    drift = load(churn=text).unwrap().models[0].features[0].drift
    assert drift == t.Drift(method, *defaults.DRIFT_THRESHOLDS[method])


def test_thresholds_of_the_model_are_those_of_answers_and_of_features_that_name_no_method(load: Load) -> None:
    text = TEN_LINES.replace("type: numeric", "type: numeric, drift: {critical: 2}") + "drift: {warning: 0}\n"
    model = load(churn=text).unwrap().models[0]
    assert model.features[0].drift == t.Drift("psi", Decimal(0), Decimal(2))
    assert model.drift.answers == t.Drift("psi", Decimal(0), Decimal("0.25"))


def test_default_thresholds_are_as_much_drift_as_those_of_psi() -> None:
    """On the bins of a normal feature that shifts, or whose deviation grows, until its PSI is that of the default."""
    normal, edges = NormalDist(), [NormalDist().inv_cdf(k / 2000) for k in range(1, 2000)]
    p = np.full(2000, 1 / 2000)

    def q(mean: float, std: float) -> np.ndarray:
        return np.diff([0.0, *(normal.cdf((edge - mean) / std) for edge in edges), 1.0])

    for level in (0, 1):
        wanted = {method: float(levels[level]) for method, levels in defaults.DRIFT_THRESHOLDS.items()}
        shift = math.sqrt(wanted["psi"])
        moved = q(shift, 1.0)
        assert ((moved - p) * np.log(moved / p)).sum() == pytest.approx(wanted["psi"], rel=0.02)
        middle = (moved + p) / 2
        nats = (moved * np.log(moved / middle) + p * np.log(p / middle)).sum() / 2
        found = {
            "js": math.sqrt(nats / math.log(2)),
            "kl": (moved * np.log(moved / p)).sum(),
            "hellinger": math.sqrt(((np.sqrt(moved) - np.sqrt(p)) ** 2).sum() / 2),
            "tv": np.abs(moved - p).sum() / 2,
            "ks": np.abs(np.cumsum(moved - p)).max(),
            "wasserstein_scaled": shift,
            "mean_shift": shift,
        }
        for method, score in found.items():
            assert wanted[method] == pytest.approx(score, rel=0.06), method
        wide = q(0.0, math.exp(wanted["std_shift"]))
        assert ((wide - p) * np.log(wide / p)).sum() == pytest.approx(wanted["psi"], rel=0.1)


def test_a_batch_model_has_no_default_slos_and_may_miss_one_run(load: Load) -> None:
    text = TEN_LINES.replace("{job: churn}", "{job: churn, mode: batch, every: 1d}")
    (model,) = load(churn=text).unwrap().models
    assert model.slos == ()
    assert model.limits.row_age == Duration.parse("2d")


def test_an_empty_list_of_slos_means_none(load: Load) -> None:
    assert load(churn=TEN_LINES + "slos: []\n").unwrap().models[0].slos == ()


def test_a_trace_is_slow_where_the_tightest_latency_slo_says_so(load: Load) -> None:
    slos = "slos:\n" + "".join(
        f"  - {{name: l{limit}, objective: 99, sli: {{latency: {limit}}}}}\n" for limit in ("500ms", "100ms", "1s")
    )
    assert load(churn=TEN_LINES + slos).unwrap().models[0].tracing.slow == Duration.parse("100ms")


def test_severities_that_the_stack_leaves_out_go_where_the_more_urgent_one_goes(load: Load) -> None:
    stack = """\
apiVersion: modelwatch/v1
kind: Stack
receivers: {pager: {type: pagerduty, key_file: secrets/pager.key}}
routes: {page: pager}
"""
    routes = load(churn=TEN_LINES, stack=stack).unwrap().stack.routes
    assert routes == {"page": "pager", "ticket": "pager", "info": "pager"}


def test_paths_of_a_baseline_start_from_the_folder_of_the_spec(load: Load, tmp_path: Path) -> None:
    baseline = load(churn=TEN_LINES + "baseline: {profile: ../profiles/churn.json}\n").unwrap().models[0].baseline
    assert baseline == t.Baseline(profile=str(tmp_path / "profiles" / "churn.json"))


def test_the_fleet_carries_the_addresses_it_is_loaded_with(load: Load) -> None:
    load(churn=TEN_LINES)
    addresses = Addresses.native({"MODELWATCH_PORT_PROMETHEUS": "19090"})
    assert load_fleet(Path("models"), addresses).unwrap().addresses is addresses


def test_twelve_mistakes_of_one_file_are_told_in_one_run(load: Load) -> None:
    text = """\
apiVersion: modelwatch/v1
kind: Model
metadata: {name: churn, owner: growth, teir: low}
serving:
  job: churn
  targets: ["http://127.0.0.1:8000"]
task: {type: classifcation}
features:
  - {name: age, type: numeric, range: [120, 0]}
  - {name: age, type: numeric}
  - {name: plan, type: categorical, missing: {max_ratio: 5%}}
drift:
  windows: [1h, 15 min]
slos:
  - {name: availability, objective: 0.999, sli: errors}
  - {name: latency, objective: 99, sli: {latency: 300ms}}
  - {name: rows, window: 30d, sli: valid_rows}
performance: {label_delay: 6}
alerting: {routes: {page: pagerdutty}}
"""
    assert told(load(churn=text)) == [
        "3:40 MW012 unknown field 'teir'",
        "6:13 MW039 an item of 'targets' wants a target, found 'http://127.0.0.1:8000'",
        "7:14 MW015 'type' cannot be 'classifcation'",
        "9:40 MW034 the range starts at 120 and ends below it, at 0",
        "10:12 MW019 the feature 'age' is there twice",
        "11:58 MW014 'max_ratio' wants a number from 0 to 1, found the text '5%'",
        "13:17 MW016 '15 min' is no duration",
        "15:37 MW023 the objective 0.999 is a fraction",
        "16:51 MW026 300ms is no bucket of the latency histogram",
        "17:6 MW013 this item of 'slos' lacks 'objective'",
        "18:28 MW014 'label_delay' wants a duration, found the number 6",
        "19:27 MW027 there is no receiver 'pagerdutty'",
    ]


def test_problems_of_all_files_come_sorted_by_file_and_line(load: Load) -> None:
    loaded = load(
        b_second=TEN_LINES.replace("owner: growth", "ownr: growth"),
        a_first=TEN_LINES.replace("name: churn", "name: upsell") + "slo: []\nbasline: {}\n",
        c_broken="a: [",
    )
    assert loaded.fleet is None
    assert [(found.file, found.line, found.code) for found in loaded.diagnostics] == [
        ("models/a_first.yaml", 11, "MW012"),
        ("models/a_first.yaml", 12, "MW012"),
        ("models/b_second.yaml", 5, "MW012"),
        ("models/c_broken.yaml", 1, "MW003"),
    ]


def test_unwrap_raises_with_the_diagnostics(load: Load) -> None:
    with pytest.raises(SpecError, match=r"models/churn\.yaml:1:1 MW005 this file says nothing") as caught:
        load(churn="").unwrap()
    assert [found.code for found in caught.value.diagnostics] == ["MW005"]


def test_a_missing_folder_is_told_with_the_way_to_a_first_spec(tmp_path: Path) -> None:
    (found,) = load_fleet(tmp_path / "nowhere").diagnostics
    assert (found.code, found.message) == ("MW001", "cannot read this folder: no such file or directory")
    assert found.help == "give the folder of your specs with --models, or make one with modelwatch init"


def test_hidden_files_other_suffixes_and_subfolders_are_left_alone(load: Load) -> None:
    Path("models/.draft.yaml").write_text("[")
    Path("models/notes.txt").write_text("[")
    Path("models/old").mkdir()
    Path("models/old/x.yaml").write_text("[")
    assert load(churn=TEN_LINES).diagnostics == ()


def test_both_suffixes_are_read(load: Load) -> None:
    load(churn=TEN_LINES)
    Path("models/upsell.yml").write_text(TEN_LINES.replace("churn", "upsell"))
    assert [model.name for model in load_fleet(Path("models")).unwrap().models] == ["churn", "upsell"]


def test_a_dangling_link_and_a_pipe_are_told_and_not_waited_for(load: Load) -> None:
    load(churn=TEN_LINES)
    Path("models/gone.yaml").symlink_to("nowhere.yaml")
    os.mkfifo("models/pipe.yaml")
    assert [(found.file, found.message) for found in load_fleet(Path("models")).diagnostics] == [
        ("models/gone.yaml", "cannot read this file: no such file or directory"),
        ("models/pipe.yaml", "this is not a regular file"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(load: Load) -> None:
    load(churn=TEN_LINES)
    Path("models/churn.yaml").chmod(0)
    (found,) = load_fleet(Path("models")).diagnostics
    assert found.message == "cannot read this file: permission denied"


def test_a_file_larger_than_any_spec_is_refused(load: Load) -> None:
    (found,) = load(churn="#" * (4 * 1024 * 1024 + 1)).diagnostics
    assert (found.code, found.message) == ("MW001", "this file is larger than 4 MiB")


def test_one_model_loads_without_its_neighbours(tmp_path: Path) -> None:
    shutil.copy(MODELS / "flight-delay.yaml", tmp_path)
    (tmp_path / "stack.yaml").write_text("[")
    assert load_model(tmp_path / "flight-delay.yaml").name == "flight-delay"


def test_one_model_with_mistakes_raises_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "churn.yaml"
    path.write_text(TEN_LINES + "slo: []\nlimits: {error_ratio: 2}\n")
    with pytest.raises(SpecError) as caught:
        load_model(path)
    assert str(caught.value).splitlines() == [
        f"{path}:11:1 MW012 unknown field 'slo'",
        f"{path}:12:23 MW017 'error_ratio' must be at most 1, found 2",
    ]


def test_the_stacks_file_is_no_model(tmp_path: Path) -> None:
    shutil.copy(MODELS / "stack.yaml", tmp_path)
    with pytest.raises(SpecError, match="MW015 'kind' cannot be 'Stack' here"):
        load_model(tmp_path / "stack.yaml")


SPEC = TEN_LINES.encode()


@pytest.mark.parametrize(
    ("there", "models", "code", "help"),
    [
        ({"models/churn.yaml": SPEC}, "models/churn.yaml", "MW001", "did you mean --models models?"),
        ({"churn.yaml": SPEC}, "models", "MW001", "did you mean --models .?"),
        ({"models": b""}, "models", "MW001", "--models takes the folder of your specs: did you mean --models .?"),
        ({"other.yaml": b"a: 1"}, "models", "MW001", "make one with modelwatch init"),
        ({"models/Churn.YAML": SPEC}, "models", "MW020", "specs end with .yaml or .yml: rename models/Churn.YAML"),
        ({"models/a/churn.yaml": SPEC}, "models", "MW020", "did you mean --models models/a?"),
        ({"models/README.md": b"x"}, "models", "MW020", "draft a first spec with modelwatch init DATA"),
    ],
)
def test_specs_that_are_elsewhere_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: dict[str, bytes], models: str, code: str, help: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in there.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    (found,) = load_fleet(Path(models)).diagnostics
    assert found.code == code and found.help.endswith(help)


def test_a_file_of_another_program_is_told_to_go_elsewhere(load: Load) -> None:
    loaded = load(churn=TEN_LINES, other="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    assert told(loaded) == ["2:7 MW015 'kind' cannot be 'ConfigMap'"]
    assert loaded.diagnostics[0].help.startswith("every .yaml file of this folder is read as a spec: move this one")
