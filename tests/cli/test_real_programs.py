"""What the real programs say of what small specs give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import TEN_LINES, Run


@pytest.mark.usefixtures("models")
def test_the_real_programs_accept_what_a_ten_line_spec_gives(run: Run, part: Callable[..., Path]) -> None:
    for name, version in (
        ("promtool", "oldest"),
        ("promtool", "newest"),
        ("amtool", "oldest"),
        ("amtool", "newest"),
        ("pint", "any"),
        ("otelcol-modelwatch", "any"),
    ):
        part(name, version)
    judged = run("check", "--programs")
    assert judged.code == 0, judged.out
    assert "REFUSED" not in judged.out and "no finding" in judged.out


def test_the_real_programs_accept_what_compares_hour_by_hour_and_by_other_methods(
    run: Run, models: Path, part: Callable[..., Path]
) -> None:
    for name, version in (("promtool", "newest"), ("pint", "any")):
        part(name, version)
    more = "baseline: {data: rows.csv, time: at}\ndrift: {same: hour, windows: [15m]}\nslos: []\n"
    (models / "churn.yaml").write_text(TEN_LINES.replace("type: numeric", "type: numeric, drift: {method: kl}") + more)
    names = [line.split("name: ")[1].split(",")[0] for line in TEN_LINES.splitlines() if "- {name: " in line]
    (models / "rows.csv").write_text(",".join([*names, "at"]) + "\n")
    judged = run("check", "--programs")
    assert judged.code == 0, judged.out
    assert "REFUSED" not in judged.out and "no finding" in judged.out
