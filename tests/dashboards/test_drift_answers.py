"""What the boards say of drift where there is an answer, and why there is none, asked of the real promtool."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwatch.dashboards import parts
from modelwatch.dashboards.queries import common, drift, fleet

SPEC = 'model:spec:info{{model="{}",team="a",env="prod",tier="low",task="ranking",mode="online"}}'


def fed(
    model: str, feature: str, *, reason: str = "", detected: int | None = None, fleet: int | None = None
) -> Iterator[str]:
    """Names of the series that two replicas of the sidecar expose of a feature, and what rules record, with values."""
    labels = f'model="{model}",feature="{feature}"'
    for instance in "ab":
        place = f'window="15m",instance="{instance}"'
        yield f"model_drift_samples{{{labels},{place}}} 100"
        yield f'model_drift_threshold{{{labels},method="psi",level="warning",instance="{instance}"}} 0.1'
        if reason:
            yield f'model_drift_inactive{{{labels},reason="{reason}",{place}}} 1'
        if detected is not None:
            yield f"model_drift_detected{{{labels},{place}}} {detected}"
            if not reason:
                for method in ("psi", "ks"):
                    yield f'model_drift_score{{{labels},method="{method}",{place}}} 0.3'
    if fleet is not None:
        yield f'model_feature:drift:detected{{{labels},window="15m"}} {fleet}'
        for method in ("psi", "js", "g"):
            yield f'model_feature:drift:score{{{labels},method="{method}",window="15m"}} 0.4'


SERIES = [
    *(f"{SPEC.format(model)} 1" for model in ("busy", "fresh", "bare", "lost")),
    *fed("busy", "moved", detected=1, fleet=1),
    *fed("busy", "still", detected=0, fleet=0),
    # Together they have rows enough.
    *fed("busy", "shared", reason="few_samples", detected=0, fleet=1),
    *fed("busy", "alone", detected=0),
    *fed("busy", "rare", reason="few_samples", detected=0),
    *fed("busy", "started", reason="warming"),
    *fed("busy", "tiny", reason="reference_too_small", detected=0),
    *fed("busy", "absent", reason="not_in_reference"),
    *fed("busy", "turned", reason="type_differs"),
    *fed("busy", "empty", reason="few_values"),
    *fed("busy", "stuck", reason="constant_values"),
    *fed("busy", "flat", reason="constant_reference"),
    *fed("busy", "unknown", reason="no_baseline"),
    *fed("fresh", "rare", reason="few_samples", detected=0),
    *fed("bare", "unknown", reason="no_baseline"),
]


def ask(promtool: Path, folder: Path, answers: dict[str, dict[str, float]]) -> None:
    """Each query gives exactly these values; the keys are its labels."""
    tests = [
        {
            "expr": expr,
            "eval_time": "1m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in found.items()],
        }
        for expr, found in answers.items()
    ]
    series = [{"series": text.rpartition(" ")[0], "values": text.rpartition(" ")[2] + "x9"} for text in SERIES]
    body = {"rule_files": [], "tests": [{"interval": "15s", "input_series": series, "promql_expr_test": tests}]}
    (folder / "test.yaml").write_text(yaml.safe_dump(body), "utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def of(expr: str, model: str) -> str:
    filled = expr.replace("$model", model).replace("$window", "15m")
    return re.sub(r"\$\w+", ".*", filled)


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_no_answer_is_never_told_as_no_drift(part: Any, tmp_path: Path, version: str) -> None:
    """Too few rows, a start, no baseline, one that is too small and no sidecar are five things, and none of them is 0."""
    warming, few, bare, lost, small, absent, turned, empty, stuck, flat = range(-1, -11, -1)
    each = {
        "moved": 1,
        "still": 0,
        "shared": 1,
        "alone": 0,
        "rare": few,
        "started": warming,
        "tiny": small,
        "absent": absent,
        "turned": turned,
        "empty": empty,
        "stuck": stuck,
        "flat": flat,
        "unknown": bare,
    }
    ask(
        part("promtool", version),
        tmp_path,
        {
            of(drift.states(), "busy"): {f'{{feature="{name}"}}': value for name, value in each.items()},
            of(drift.features_drifted(), "busy"): {"{}": 2},
            of(drift.features_drifted(), "fresh"): {"{}": few},
            of(drift.features_drifted(), "bare"): {"{}": bare},
            of(drift.features_drifted(), "lost"): {"{}": lost},
            of(drift.features_scored(), "busy"): {"{}": 4},
            of(drift.features_scored(), "lost"): {"{}": 0},
            of(common.drifted_by_model(), ".*"): {
                '{model="busy"}': 2,
                '{model="fresh"}': few,
                '{model="bare"}': bare,
                '{model="lost"}': lost,
            },
            of(fleet.drifted_count(), ".*"): {"{}": 2},
            of(fleet.drifted_count(), "fresh|lost"): {"{}": few},
        },
    )


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_scores_are_by_the_features_own_method_and_of_all_replicas_where_they_can_be(
    part: Any, tmp_path: Path, version: str
) -> None:
    ask(
        part("promtool", version),
        tmp_path,
        {
            of(drift.score("feature", "method"), "busy"): {
                '{feature="moved",method="psi"}': 0.4,
                '{feature="still",method="psi"}': 0.4,
                '{feature="shared",method="psi"}': 0.4,
                '{feature="alone",method="psi"}': 0.3,
            },
        },
    )


def test_each_reason_has_words_of_its_own() -> None:
    """On tiles, in tables and on timelines alike."""
    reasons = {common.NO_SIDECAR, *common.UNTOLD.values()}
    for mapping in (parts.DRIFT_COUNT, parts.DRIFT_STATE):
        shown = {value: option["text"] for value, option in mapping[0]["options"].items()}
        assert {str(reason) for reason in reasons} <= set(shown)
        assert len(set(shown.values())) == len(shown)
