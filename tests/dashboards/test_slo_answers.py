"""What the boards say of an error budget where it is known, and why it is not, asked of the real promtool."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwatch.dashboards.queries import common, slo

EARLY, NO_EVENTS, GONE, STILL = common.TOO_EARLY, common.NO_EVENTS, slo.GONE, slo.NOT_BURNING
DAY = 86_400.0
# Twenty minutes of samples, of which the young model has the last two.
ALWAYS, LATELY = "x80", "x8"


def fed(
    model: str, *, objective: bool = True, left: float | None = None, burn: str = "", young: bool = False
) -> Iterator[tuple[str, str]]:
    labels = f'model="{model}",env="prod"'
    start, length = ("_x72 ", LATELY) if young else ("", ALWAYS)
    yield f"model:spec:info{{{labels}}}", f"{start}1{length}"
    series = {"objective:ratio": "0.99", "period:days": "30"} if objective else {}
    series |= {"error_budget_remaining:ratio": str(left)} if left is not None else {}
    series |= {"current_burn_rate:ratio": burn} if burn else {}
    for name, value in series.items():
        # A NaN cannot be repeated in promtool's notation.
        values = " ".join(["NaN"] * 81) if value == "NaN" else f"{start}{value}{length}"
        yield f'slo:{name}{{{labels},slo="latency"}}', values


SERIES = [
    *fed("burning", left=0.5, burn="1.5"),
    *fed("resting", left=0.5, burn="0"),
    *fed("idle", left=0.5, burn="NaN"),
    *fed("overspent", left=-1, burn="2"),
    *fed("unasked"),
    *fed("young", young=True),
    *fed("beginning", objective=False, young=True),
    *fed("restarted", left=0.25, burn="3", young=True),
    *fed("bare", objective=False),
]
QUERIES = {
    "lowest": common.lowest_budget_or_why(),
    "left": slo.budget_left(),
    "spent": slo.budget_spent(),
    "burns": slo.burns_now(),
    "lasts": slo.budget_lasts(),
}
ANSWERS: dict[str, dict[str, float | None]] = {
    "burning": {"lowest": 0.5, "left": 0.5, "spent": 0.5, "burns": 1.5, "lasts": 10 * DAY},
    "resting": {"lowest": 0.5, "left": 0.5, "spent": 0.5, "burns": 0, "lasts": STILL},
    "idle": {"lowest": 0.5, "left": 0.5, "spent": 0.5, "burns": NO_EVENTS, "lasts": NO_EVENTS},
    "overspent": {"lowest": -1, "left": -1, "spent": 2, "burns": 2, "lasts": GONE},
    "unasked": dict.fromkeys(QUERIES, NO_EVENTS),
    "young": dict.fromkeys(QUERIES, EARLY),
    # Objectives are recorded every two minutes: at first nobody can know whether there is one.
    "beginning": dict.fromkeys(QUERIES, EARLY),
    "restarted": {"lowest": 0.25, "left": 0.25, "spent": 0.75, "burns": 3, "lasts": 2.5 * DAY},
    "bare": dict.fromkeys(QUERIES, None),
}


def ask(promtool: Path, folder: Path, tests: list[dict[str, Any]]) -> None:
    series = [{"series": name, "values": values} for name, values in SERIES]
    body = {"rule_files": [], "tests": [{"interval": "15s", "input_series": series, "promql_expr_test": tests}]}
    (folder / "test.yaml").write_text(yaml.safe_dump(body), "utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_a_budget_that_is_not_known_is_told_with_its_reason(part: Any, tmp_path: Path, version: str) -> None:
    """Too early, nothing counted, not burning, gone and no objective are five things; one answer for each model."""
    tests = [
        {
            "expr": re.sub(r"\$slo\b", ".*", QUERIES[query].replace("$model", model)),
            "eval_time": "20m",
            "exp_samples": [] if value is None else [{"labels": _labels(model, query, value), "value": value}],
        }
        for model, answers in ANSWERS.items()
        for query, value in answers.items()
    ]
    ask(part("promtool", version), tmp_path, tests)


def _labels(model: str, query: str, value: float) -> str:
    whole = query == "lowest" or value == EARLY
    return f'{{model="{model}"}}' if whole else f'{{model="{model}", slo="latency"}}'


def test_the_table_of_objectives_tells_it_too(part: Any, tmp_path: Path) -> None:
    expr = slo.budgets_left()
    tests = [
        {
            "expr": expr.replace("$model", model),
            "eval_time": "20m",
            "exp_samples": [{"labels": '{slo="latency"}', "value": value}],
        }
        for model, value in {"young": EARLY, "unasked": NO_EVENTS, "restarted": 0.25}.items()
    ]
    ask(part("promtool", "newest"), tmp_path, tests)
