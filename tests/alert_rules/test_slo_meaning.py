"""SLO rules by meaning: series in, ratios, budgets and alerts out, in the real promtool."""

from __future__ import annotations

import dataclasses
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwatch.alert_rules import families, prometheus
from modelwatch.alert_rules.rules import Group, RuleFile, Scope
from modelwatch.alert_rules.slo import groups as slo_groups
from modelwatch.dashboards.queries import slo as queries
from modelwatch.model import types as t
from modelwatch.model.units import Duration
from modelwatch.telemetry.burn import BURN_ALERTS

GOOD = 'model_predictions_total{model="flight-delay",version="1",outcome="success"}'
BAD = 'model_predictions_total{model="flight-delay",version="1",outcome="error"}'
ONE = 'model="flight-delay",slo="availability"'


def _slo(objective: str = "99.9", window: str = "30d") -> t.Slo:
    return t.Slo("availability", Decimal(objective), Duration.parse(window), t.Sli("errors"))


def _run(
    promtool: Path, folder: Path, fleet: t.Fleet, files: tuple[RuleFile, ...], tests: list[dict[str, Any]], every: str
) -> None:
    rules = {f"{file.stem}.yaml": prometheus.rules_text(file, fleet) for file in files}
    for name, text in rules.items():
        (folder / name).write_text(text)
    body = {"rule_files": list(rules), "evaluation_interval": every, "tests": tests}
    (folder / "test.yaml").write_text(yaml.safe_dump(body))
    done = subprocess.run(
        [str(promtool), "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _only_slos(model: t.Model, stack: t.Stack, *slos: t.Slo) -> tuple[t.Fleet, tuple[RuleFile, ...]]:
    one = dataclasses.replace(model, slos=slos)
    groups: tuple[Group, ...] = slo_groups(Scope(one, stack))
    return t.Fleet((one,), stack), (RuleFile("slo", groups, one),)


def _is(expr: str, at: str, value: float) -> dict[str, Any]:
    labels = f"{{{', '.join(ONE.split(','))}}}"
    return {
        "expr": f"abs({expr} - {value}) < bool 1e-9",
        "eval_time": at,
        "exp_samples": [{"labels": labels, "value": 1}],
    }


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_ratios_and_burn_rate_equal_the_reference_that_sloth_gives(
    part: Any, tmp_path: Path, model: t.Model, stack: t.Stack, version: str
) -> None:
    """995 good and 5 bad a minute for 8 hours: every ratio is 0.005, the burn rate 5.

    The budget is the next test's. The page never fires. The ticket, for a tenth of the budget in three days, is due after 14.4 hours and not before.
    """
    fleet, files = _only_slos(model, stack, _slo())
    windows = [
        _is(f"slo:error_ratio:rate{window}{{{ONE}}}", "8h", 0.005)
        for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
    ]
    others = [
        _is(f"slo:current_burn_rate:ratio{{{ONE}}}", "8h", 5),
        _is(f"slo:period_error_ratio:ratio{{{ONE}}}", "8h", 0.005),
    ]
    ticket = {"labels": '{alertname="ErrorBudgetBurnSlow"}', "value": 1}
    firing = [
        {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": at, "exp_samples": samples}
        for at, samples in (("1m", []), ("8h", []), ("14h", []), ("15h", [ticket]))
    ]
    test = {
        "interval": "1m",
        "input_series": [{"series": GOOD, "values": "0+995x1000"}, {"series": BAD, "values": "0+5x1000"}],
        "promql_expr_test": [*windows, *others, *firing],
    }
    _run(part("promtool", version), tmp_path, fleet, files, [test], "2m")


def _budget(at: str, compare: str) -> dict[str, Any]:
    """The budget left compares so, as in ``> 0.9``."""
    labels = f"{{{', '.join(ONE.split(','))}}}"
    sign, number = compare.split()
    return {
        "expr": f"slo:error_budget_remaining:ratio{{{ONE}}} {sign} bool {number}",
        "eval_time": at,
        "exp_samples": [{"labels": labels, "value": 1}],
    }


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_the_budget_left_equals_what_sloth_gives_once_the_window_is_full(
    part: Any, tmp_path: Path, model: t.Model, stack: t.Stack, version: str
) -> None:
    """Five times the allowed errors for the whole window: four budgets are overspent, and it stays so.

    Three days: the longest window of an alert, and promtool takes no query of more than 10,000 samples.
    """
    fleet, files = _only_slos(model, stack, _slo(window="3d"))
    test = {
        "interval": "2m",
        "input_series": [{"series": GOOD, "values": "0+1990x2500"}, {"series": BAD, "values": "0+10x2500"}],
        "promql_expr_test": [
            _budget("36h", "> -1.51"),
            _budget("36h", "< -1.49"),
            *(_is(f"slo:error_budget_remaining:ratio{{{ONE}}}", at, -4) for at in ("3d1h", "3d8h")),
        ],
    }
    _run(part("promtool", version), tmp_path, fleet, files, [test], "2m")


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_the_budget_of_a_young_service_agrees_with_its_alerts(
    part: Any, tmp_path: Path, model: t.Model, stack: t.Stack, version: str
) -> None:
    """The ticket tells of a tenth of the budget spent in three days: until it fires more than nine tenths are left, then less.

    The board's line goes above the dashed one at that time too: hours above it with nobody told would be a lie.
    """
    fleet, files = _only_slos(model, stack, _slo())
    pair = BURN_ALERTS[-1]
    drawn = f"{queries.burn_rate_of_alert(pair)} > bool on (model, slo) {queries.burn_threshold(pair)}"
    drawn = drawn.replace("$model", "flight-delay").replace("$slo", "availability")
    ticket = {"labels": '{alertname="ErrorBudgetBurnSlow"}', "value": 1}
    firing = [
        {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": at, "exp_samples": samples}
        for at, samples in (("14h20m", []), ("14h30m", [ticket]))
    ]
    test = {
        "interval": "1m",
        "input_series": [{"series": GOOD, "values": "0+995x1000"}, {"series": BAD, "values": "0+5x1000"}],
        "promql_expr_test": [
            *firing,
            _budget("14h20m", "> 0.9"),
            _budget("14h30m", "< 0.9"),
            *(
                {"expr": drawn, "eval_time": at, "exp_samples": [{"labels": f"{{{ONE}}}", "value": value}]}
                for at, value in (("14h20m", 0), ("14h30m", 1))
            ),
        ],
    }
    _run(part("promtool", version), tmp_path, fleet, files, [test], "2m")


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_an_outage_in_the_first_half_hour_costs_half_an_hour(
    part: Any, tmp_path: Path, model: t.Model, stack: t.Stack, version: str
) -> None:
    """99.9 % of 30 days allow 43 minutes: after 30 of nothing but errors three tenths are left, and not minus 99,900 %."""
    fleet, files = _only_slos(model, stack, _slo())
    test = {
        "interval": "1m",
        "input_series": [{"series": GOOD, "values": "0+0x40"}, {"series": BAD, "values": "0+1000x40"}],
        "promql_expr_test": [_budget("30m", "> 0.29"), _budget("30m", "< 0.36")],
    }
    _run(part("promtool", version), tmp_path, fleet, files, [test], "2m")


def test_an_idle_gap_poisons_neither_period_nor_budget(
    part: Any, tmp_path: Path, model: t.Model, stack: t.Stack
) -> None:
    fleet, files = _only_slos(model, stack, _slo())
    test = {
        "interval": "1m",
        "input_series": [{"series": GOOD, "values": "0+1000x60 60000+0x60 60000+1000x60"}],
        "promql_expr_test": [
            _is(f"slo:period_error_ratio:ratio{{{ONE}}}", "170m", 0),
            _is(f"slo:error_budget_remaining:ratio{{{ONE}}}", "170m", 1),
        ],
    }
    _run(part("promtool", "newest"), tmp_path, fleet, files, [test], "1m")


def test_the_period_weighs_events_and_not_hours(part: Any, tmp_path: Path, model: t.Model, stack: t.Stack) -> None:
    """10 busy hours at 0.01 % and 10 quiet ones at 10 % are 0.011 % of events, where a mean of ratios would say 5 %."""
    fleet, files = _only_slos(model, stack, _slo())
    test = {
        "interval": "1m",
        "input_series": [
            {"series": GOOD, "values": "0+99990x600 59994000+9x600"},
            {"series": BAD, "values": "0+10x600 6000+1x600"},
        ],
        "promql_expr_test": [
            {
                "expr": f"slo:period_error_ratio:ratio{{{ONE}}} < bool 0.00012",
                "eval_time": "20h",
                "exp_samples": [{"labels": f"{{{', '.join(ONE.split(','))}}}", "value": 1}],
            },
            {
                "expr": f"slo:period_error_ratio:ratio{{{ONE}}} > bool 0.00010",
                "eval_time": "20h",
                "exp_samples": [{"labels": f"{{{', '.join(ONE.split(','))}}}", "value": 1}],
            },
        ],
    }
    _run(part("promtool", "newest"), tmp_path, fleet, files, [test], "2m")


def test_a_service_without_any_error_series_yet_has_a_full_budget(
    part: Any, tmp_path: Path, model: t.Model, stack: t.Stack
) -> None:
    fleet, files = _only_slos(model, stack, _slo())
    test = {
        "interval": "1m",
        "input_series": [{"series": GOOD, "values": "0+100x60"}],
        "promql_expr_test": [
            _is(f"slo:error_ratio:rate5m{{{ONE}}}", "30m", 0),
            _is(f"slo:error_budget_remaining:ratio{{{ONE}}}", "30m", 1),
        ],
    }
    _run(part("promtool", "newest"), tmp_path, fleet, files, [test], "1m")


@pytest.mark.parametrize(("objective", "window"), [("90", "28d"), ("95", "7d"), ("99.5", "28d"), ("99.99", "7d")])
def test_the_generated_tests_of_any_objective_and_window_pass(
    part: Any, tmp_path: Path, model: t.Model, stack: t.Stack, objective: str, window: str
) -> None:
    latency = t.Slo("slow", Decimal(objective), Duration.parse(window), t.Sli("latency", Duration.parse("1s")))
    fleet, files = _only_slos(model, stack, _slo(objective, window), latency)
    for file in files:
        for path, text in {
            f"rules/{file.stem}.yaml": prometheus.rules_text(file, fleet),
            **dict(prometheus.tests_texts(file, fleet)),
        }.items():
            target = tmp_path / path.removeprefix("prometheus/")
            target.parent.mkdir(exist_ok=True)
            target.write_text(text)
    tests = sorted(path.name for path in (tmp_path / "tests").iterdir())
    done = subprocess.run(
        [str(part("promtool", "newest")), "test", "rules", *tests],
        cwd=tmp_path / "tests",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_model_file_of_the_fleet_is_accepted(part: Any, tmp_path: Path, fleet: t.Fleet) -> None:
    for file in families.rule_files(fleet):
        path = tmp_path / f"{file.stem}.yaml"
        path.write_text(prometheus.rules_text(file, fleet))
        for version in ("oldest", "newest"):
            done = subprocess.run(
                [str(part("promtool", version)), "check", "rules", str(path)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr


def test_a_short_fault_in_a_young_service_stops_paging_when_it_is_over(
    part: Any, tmp_path: Path, model: t.Model, stack: t.Stack
) -> None:
    """A third of the events fail for four minutes, ten minutes after the first start: the page is there, and gone six minutes after it."""
    young = dataclasses.replace(stack, evaluation_interval=Duration.parse("15s"))
    fleet, files = _only_slos(model, young, _slo())

    def firing(at: str, *samples: dict[str, Any]) -> dict[str, Any]:
        return {
            "expr": 'count(ALERTS{alertstate="firing",severity="page"})',
            "eval_time": at,
            "exp_samples": list(samples),
        }

    test = {
        "interval": "15s",
        "input_series": [
            {"series": GOOD, "values": "0+100x40 4067+67x15 5105+100x60"},
            {"series": BAD, "values": "0+0x40 33+33x15 528+0x60"},
        ],
        "promql_expr_test": [firing("10m"), firing("14m", {"labels": "{}", "value": 1}), firing("20m15s")],
    }
    _run(part("promtool", "newest"), tmp_path, fleet, files, [test], "15s")
