"""The preview in a real browser: choosing, zooming, following links, with and without a mouse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

expect.set_options(timeout=20_000)
SAMPLES = Path(__file__).parent / "data"
RANGE = "from=now-5m&to=now"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_a_choice_goes_into_the_address_and_back(visit: Callable[..., Any]) -> None:
    """Variables depend on those before them; back and a reload bring the former choice again."""
    with visit(f"/d/sample/x?{RANGE}&var-model=flight-delay&var-version=1") as seen:
        page = seen.page
        version = page.locator("button.variable", has_text="Version")
        expect(version).to_contain_text("1")
        page.locator("button.variable", has_text="Model").click()
        page.get_by_role("radio", name="air-time").click()
        expect(page).to_have_url(re.compile("var-model=air-time.*var-version=%24__all"))
        expect(seen.panel("About")).to_contain_text("air-time: rate")
        version.click()
        expect(page.locator(".option").filter(has_text=EVIL)).to_be_visible()
        page.keyboard.press("Escape")
        page.go_back()
        expect(seen.panel("About")).to_contain_text("flight-delay: rate")
        page.reload()
        expect(page.locator("button.variable", has_text="Version")).to_contain_text("1")
        assert seen.complaints == []


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_dragging_zooms_and_a_point_leads_on(visit: Callable[..., Any]) -> None:
    """The tooltip lists all series, largest first; a click pins it with its links; dragging sets the range once."""
    with visit(f"/d/sample/x?{RANGE}&refresh=") as seen:
        page = seen.page
        chart = seen.panel("Latency p99 by version").locator(".u-over")
        expect(chart).to_be_visible()
        box = chart.bounding_box()
        right = box["x"] + box["width"] - 8
        page.mouse.move(right, box["y"] + 20)
        tooltip = page.locator(".tooltip:visible")
        expect(tooltip.locator(".tip-value")).to_have_count(3)
        page.mouse.click(right, box["y"] + 20)
        link = page.locator(".tooltip.pinned a")
        expect(link).to_have_text("Drill into 1")
        assert (
            link.get_attribute("href")
            == "/d/sample-edge?from=now-5m&to=now&var-datasource=default&var-model=flight-delay"
        )
        page.keyboard.press("Escape")
        expect(page.locator(".tooltip.pinned")).to_have_count(0)
        page.mouse.move(box["x"] + 40, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + 140, box["y"] + 20, steps=4)
        page.mouse.up()
        expect(page).to_have_url(re.compile(r"from=\d+&to=\d+"))
        page.go_back()
        expect(page).to_have_url(re.compile("from=now-5m"))
        assert seen.complaints == []


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_a_refresh_leaves_the_tooltip_under_the_pointer(visit: Callable[..., Any]) -> None:
    """New data are drawn while the pointer rests on a chart, and its tooltip goes on."""
    with visit(f"/d/sample/x?{RANGE}&refresh=") as seen:
        page = seen.page
        panel = seen.panel("Predictions by outcome")
        box = panel.locator(".u-over").bounding_box()
        page.mouse.move(box["x"] + box["width"] - 8, box["y"] + 20)
        tooltip = page.locator(".tooltip:visible")
        expect(tooltip.locator(".tip-value")).to_have_count(2)
        panel.locator("canvas").evaluate("canvas => canvas.classList.add('before')")
        page.evaluate("document.querySelector('[aria-label=\"Refresh now\"]').click()")
        expect(panel.locator("canvas.before")).to_have_count(0)
        expect(tooltip.locator(".tip-value")).to_have_count(2)
        assert seen.complaints == []


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_an_exemplar_leads_to_its_trace(visit: Callable[..., Any], folders: Path) -> None:
    """Where a query asks for exemplars they stand in the chart, and a click shows the trace."""
    board = json.loads((SAMPLES / "sample.json").read_text())
    board.update(uid="exemplars", panels=[p for p in board["panels"] if p["title"] == "Latency"])
    board["panels"][0]["targets"][0]["exemplar"] = True
    (folders / "boards" / "exemplars.json").write_text(json.dumps(board))
    with visit(f"/d/exemplars/x?{RANGE}") as seen:
        seen.page.locator(".exemplar").last.click()
        link = seen.page.locator(".tooltip.pinned a")
        expect(link).to_have_text("Open the trace")
        assert link.get_attribute("href").startswith("/traces/000")
        assert seen.complaints == []


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_it_can_be_used_without_a_mouse(visit: Callable[..., Any]) -> None:
    """Tab, Enter, Space, arrows and Escape reach variables, time, rows, a panel's menu and its data."""
    with visit(f"/d/sample/x?{RANGE}") as seen:
        page = seen.page
        page.locator("button.variable", has_text="Version").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("checkbox", name="All")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Escape")
        expect(page).to_have_url(re.compile("var-version=1"))
        page.locator("#time").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_label("From")).to_be_focused()
        page.keyboard.type("now-2m")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("from=now-2m"))
        row = page.get_by_role("button", name="Golden signals")
        row.focus()
        page.keyboard.press("Enter")
        expect(seen.panel("Features")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(seen.panel("Features")).to_be_visible()
        expect(seen.panel("Predictions by outcome").locator("canvas").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        page.get_by_role("button", name="Menu of Predictions by outcome").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="View")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Inspect Predictions by outcome")
        expect(dialog).to_contain_text("sum by (outcome) (rate(model_predictions_total{")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        assert seen.complaints == []


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_a_young_stack_is_no_sliver_of_its_range(visit: Callable[..., Any]) -> None:
    """Without a time in the address a board opens on what there is, and the address goes on naming none."""
    with visit("/d/sample/x") as seen:
        page = seen.page
        expect(page.locator("#time")).to_have_text("Last 15 minutes")
        expect(seen.panel("Predictions by outcome")).to_have_attribute("data-state", "drawn")
        expect(page).to_have_url(re.compile("var-model="))
        assert "from=" not in page.url
        page.locator("#time").click()
        page.get_by_role("button", name="Last 6 hours").click()
        expect(page).to_have_url(re.compile("from=now-6h&to=now"))
        page.reload()
        expect(page.locator("#time")).to_have_text("Last 6 hours")
        assert seen.complaints == []


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_the_button_beside_a_query_says_what_it_is_doing(visit: Callable[..., Any]) -> None:
    """While Prometheus works it says so and for how long, no old answer stands beside it, and a press stops it."""
    with visit("/runbooks/flight-delay/FeatureDrift") as seen:
        page = seen.page
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        button = page.locator("button.ask")
        button.click()
        expect(page.locator(".answer tr").first).to_be_visible()
        expect(page.locator(".asked-at")).to_contain_text("As of")
        page.route("**/api/v1/query", hold)
        expect(button).to_have_text("Ask again")
        button.click()
        expect(button).to_have_text(re.compile(r"Asking for [12] s\. Stop"))
        expect(page.locator(".answer tr")).to_have_count(0)
        button.click()
        expect(page.locator(".answer")).to_contain_text("Stopped before Prometheus answered")
        page.unroute("**/api/v1/query")
        button.click()
        expect(page.locator(".answer tr").filter(has_text="distance")).to_contain_text("0.340")
        assert len(held) == 1
