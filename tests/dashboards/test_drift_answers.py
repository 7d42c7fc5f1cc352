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
    model: str, feature: str, *, detected: int | None, critical: bool = False, score: bool = False
) -> Iterator[str]:
    """Names of the series that two replicas of the sidecar expose of a feature, with their values."""
    labels = f'model="{model}",feature="{feature}"'
    for instance in "ab":
        place = f'window="15m",instance="{instance}"'
        yield f"model_drift_samples{{{labels},{place}}} 100"
        if detected is not None:
            yield f"model_drift_detected{{{labels},{place}}} {detected}"
        if critical:
            yield f'model_drift_critical_value{{{labels},method="psi",{place}}} 0.2'
        if score:
            yield f'model_drift_score{{{labels},method="psi",{place}}} 0.3'


SERIES = [
    *(f"{SPEC.format(model)} 1" for model in ("busy", "fresh", "bare", "lost")),
    *fed("busy", "moved", detected=1, critical=True, score=True),
    *fed("busy", "still", detected=0, critical=True, score=True),
    *fed("busy", "rare", detected=0, critical=True),
    *fed("busy", "tiny", detected=0),
    *fed("busy", "unknown", detected=None),
    *fed("fresh", "rare", detected=0, critical=True),
    *fed("bare", "unknown", detected=None),
]


def ask(promtool: Path, folder: Path, answers: dict[str, dict[str, int]]) -> None:
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
    """Too few rows, no baseline, one that is too small and no sidecar are four things, and none of them is 0."""
    few, bare, lost, small = -1, -2, -3, -4
    each = {"moved": 1, "still": 0, "rare": few, "tiny": small, "unknown": bare}
    ask(
        part("promtool", version),
        tmp_path,
        {
            of(drift.states(), "busy"): {f'{{feature="{name}"}}': value for name, value in each.items()},
            of(drift.features_drifted(), "busy"): {"{}": 1},
            of(drift.features_drifted(), "fresh"): {"{}": few},
            of(drift.features_drifted(), "bare"): {"{}": bare},
            of(drift.features_drifted(), "lost"): {"{}": lost},
            of(drift.features_scored(), "busy"): {"{}": 2},
            of(drift.features_scored(), "lost"): {"{}": 0},
            of(common.drifted_by_model(), ".*"): {
                '{model="busy"}': 1,
                '{model="fresh"}': few,
                '{model="bare"}': bare,
                '{model="lost"}': lost,
            },
            of(fleet.drifted_count(), ".*"): {"{}": 1},
            of(fleet.drifted_count(), "fresh|lost"): {"{}": few},
        },
    )


def test_each_reason_has_words_of_its_own() -> None:
    """On tiles, in tables and on timelines alike."""
    reasons = {common.TOO_FEW_ROWS, common.NO_BASELINE, common.NO_SIDECAR, common.SMALL_BASELINE}
    for mapping in (parts.DRIFT_COUNT, parts.DRIFT_STATE):
        shown = {value: option["text"] for value, option in mapping[0]["options"].items()}
        assert {str(reason) for reason in reasons} <= set(shown)
        assert len(set(shown.values())) == len(shown)
