"""The preview in a real browser, with data that a real Prometheus scraped: what is drawn and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

expect.set_options(timeout=20_000)
SAMPLES = Path(__file__).parent / "data"
RANGE = "from=now-5m&to=now"


def scroll_through(page: Page) -> None:
    """Panels ask for data once they can be seen."""
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 500):
        page.evaluate(f"window.scrollTo(0, {top})")
        page.wait_for_timeout(50)
    page.evaluate("window.scrollTo(0, 0)")


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_panel_of_a_dashboard_draws_without_a_complaint(visit: Callable[..., Any], scheme: str) -> None:
    """All kinds of panel show data of Prometheus, on light and dark ground, from no other site."""
    with visit(f"/d/sample/model-overview?{RANGE}", color_scheme=scheme) as seen:
        page = seen.page
        page.get_by_role("button", name="Targets").click()
        scroll_through(page)
        panels = page.locator("[data-panel]")
        expect(panels).to_have_count(12)
        expect(page.locator('[data-panel][data-state="drawn"]')).to_have_count(12)
        assert page.locator(".panel-note:visible").count() == 0
        assert page.locator("html").get_attribute("data-theme") == scheme
        expect(seen.panel("Saturation").locator("text.gauge-text")).to_have_text("25%")
        expect(seen.panel("Drift by feature (PSI)").locator(".bar-row").first).to_contain_text("distance")
        rows = seen.panel("Features").locator("tbody tr")
        expect(rows.first).to_have_text("flight-delaydistance0.3401.70%drift")
        expect(seen.panel("About")).to_contain_text("flight-delay: rate, errors and duration first")
        # Something was painted: not every pixel of the chart is the same.
        colors = (
            seen.panel("Latency")
            .locator("canvas")
            .evaluate("c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size")
        )
        assert colors > 10
        assert seen.complaints == []


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_what_cannot_be_drawn_is_said_on_its_panel(visit: Callable[..., Any]) -> None:
    """Bad PromQL, missing data, an unknown type and unknown options: each in words, beside panels that draw."""
    with visit(f"/d/sample-edge/x?{RANGE}") as seen:
        scroll_through(seen.page)
        expect(seen.panel("Broken query")).to_contain_text("PromQL: unclosed left parenthesis")
        expect(seen.panel("Nothing there")).to_contain_text("no such metric")
        expect(seen.panel("Unknown panel type")).to_contain_text('does not draw panels of type "piechart"')
        note = seen.panel("Half known").locator(".panel-note")
        expect(note).to_contain_text('Not drawn here: override matcher "byValue", transformation "calculateField".')
        expect(note).to_contain_text("PromQL: unclosed left parenthesis")
        expect(seen.panel("Half known")).to_have_attribute("data-state", "drawn")
        expect(seen.panel("Lit bars")).to_have_attribute("data-state", "drawn")
        assert all("400 (Bad Request)" in text for text in seen.complaints)


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
@pytest.mark.parametrize(
    "path", ["/", f"/d/sample/x?{RANGE}", f"/d/sample-edge/x?{RANGE}", "/runbooks/flight-delay/FeatureDrift"]
)
def test_pages_fit_a_phone(visit: Callable[..., Any], path: str) -> None:
    """Nothing is wider than 390 pixels, so nobody scrolls sideways, and no title is cut."""
    with visit(path, viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True) as seen:
        seen.page.wait_for_timeout(1500)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
        titles = "[...document.querySelectorAll('.panel h2')]"
        cut = f"{titles}.filter(title => title.scrollWidth > title.clientWidth).map(title => title.textContent)"
        assert seen.page.evaluate(cut) == []


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_the_home_page_leads_from_an_alert_to_what_helps(visit: Callable[..., Any], folders: Path) -> None:
    """Dashboards, runbooks, Prometheus' state and the firing alert with both of its links."""
    with visit("/") as seen:
        page = seen.page
        expect(page.locator(".health.up").first).to_contain_text("Prometheus")
        expect(page.locator(".cards a")).to_have_count(len(list((folders / "boards").glob("*.json"))))
        alert = page.locator(".alert.firing").filter(has_text="flight-delay")
        expect(alert).to_contain_text("a feature of flight-delay drifted")
        assert "var-model=flight-delay" in alert.get_by_role("link", name="Dashboard").get_attribute("href")
        alert.get_by_role("link", name="Runbook").click()
        expect(page.locator(".alert-now.firing")).to_contain_text("Firing now")
        expect(page.locator("article")).to_contain_text("<script>alert(1)</script>")
        page.get_by_role("button", name="Ask now").click()
        expect(page.locator(".answer tr").filter(has_text="distance")).to_contain_text("0.340")
        assert seen.complaints == []


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_a_changed_dashboard_is_drawn_anew(visit: Callable[..., Any], folders: Path) -> None:
    """Whoever edits a board sees the change without touching the browser."""
    board = json.loads((SAMPLES / "sample.json").read_text())
    board.update(uid="edited", title="Edited", panels=board["panels"][:1])
    path = folders / "boards" / "edited.json"
    path.write_text(json.dumps(board))
    with visit(f"/d/edited/x?{RANGE}") as seen:
        expect(seen.panel("About")).to_be_visible()
        board["panels"][0]["title"] = "About, edited"
        path.write_text(json.dumps(board))
        expect(seen.panel("About, edited")).to_be_visible()
    path.unlink()


@pytest.mark.real("prometheus")
@pytest.mark.real("chromium")
def test_a_prometheus_that_goes_is_told_once_and_comes_back_by_itself(
    visit: Callable[..., Any], prometheus: Any
) -> None:
    """One banner, and after the return fresh data without a reload."""
    with visit(f"/d/sample/x?{RANGE}&refresh=5s") as seen:
        page = seen.page
        panel = seen.panel("Predictions by outcome")
        expect(panel).to_have_attribute("data-state", "drawn")
        prometheus.stop()
        try:
            expect(page.locator("#banner.shown")).to_contain_text("does not answer")
            expect(page.locator("#banner.shown")).to_have_count(1)
        finally:
            prometheus.start()
        expect(page.locator("#banner.shown")).to_have_count(0)
        expect(panel).to_have_attribute("data-state", "drawn")
        page.reload()
        expect(panel).to_have_attribute("data-state", "drawn")
