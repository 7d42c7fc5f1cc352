"""The pages of traces in a real browser: how one gets there, what is drawn, and that it stands without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

expect.set_options(timeout=20_000)
pytestmark = [pytest.mark.real("prometheus"), pytest.mark.real("chromium")]
FAILED = "db8533947522fe565d42a1c910dc1ff7"
NESTED = "0aecf26a9f33bf0e0cdd14da37f69ebb"
ANSWERED = "0cd4ecfa85f190e4c1b7cf5bf52420b7"
RANGE = "from=now-5m&to=now"


def test_from_a_board_to_a_failed_request_and_its_error(visit: Callable[..., Any]) -> None:
    """Board, list, trace, span: by links and keys, in the board's model and time."""
    with visit(f"/d/sample/x?{RANGE}&var-model=flight-delay") as seen:
        page = seen.page
        expect(seen.panel("Predictions by outcome")).to_have_attribute("data-state", "drawn")
        page.get_by_role("link", name="Traces", exact=True).click()
        expect(page).to_have_url(re.compile(r"/traces\?model=flight-delay&from=now-5m&to=now$"))
        page.get_by_role("link", name="Failed").click()
        expect(page).to_have_url(re.compile("kind=failed.*from=now-5m"))
        page.get_by_role("row").filter(has_text="ValueError").get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("inference flight-delay")
        span = page.locator("details.span").filter(has_text="predict").last
        expect(span.locator("pre")).to_be_hidden()
        span.locator("summary").first.focus()
        page.keyboard.press("Enter")
        expect(span.locator("pre")).to_contain_text("raise ValueError")
        assert seen.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_bars_stand_where_their_time_is(visit: Callable[..., Any], scheme: str, width: int) -> None:
    """On a desk and on a phone, light and dark: stages follow one another, the nested one inside its own, no scrolling aside."""
    with visit(f"/traces/{NESTED}", color_scheme=scheme, viewport={"width": width, "height": 800}) as seen:
        page = seen.page
        bars = [bar.bounding_box() for bar in page.locator(".lane rect").all()]
        request, preprocessing, weather, predict, post = [(b["x"], b["x"] + b["width"], b["y"]) for b in bars]
        assert preprocessing[0] <= weather[0] and weather[1] <= preprocessing[1] + 2
        assert request[0] <= preprocessing[0] and preprocessing[1] <= predict[0] + 2 and predict[1] <= post[0] + 2
        assert post[1] <= request[1] + 2
        assert [b[2] for b in (request, preprocessing, weather, predict, post)] == sorted(b["y"] for b in bars)
        fills = page.locator(".lane rect").evaluate_all("all => all.map(one => getComputedStyle(one).fill)")
        assert len(set(fills)) == 5 and "rgb(0, 0, 0)" not in fills
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("html").get_attribute("data-theme") == scheme
        assert seen.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_from_a_request_to_its_batch_and_on_to_another_request(
    visit: Callable[..., Any], scheme: str, width: int
) -> None:
    """The batch's bars stand below the request's, on its time; then by its link to the batch, and to one that failed."""
    with visit(f"/traces/{ANSWERED}", color_scheme=scheme, viewport={"width": width, "height": 800}) as seen:
        page = seen.page
        request, batch = page.locator(".waterfall").nth(0), page.locator(".batch .waterfall")
        outer, inner = (one.locator(".lane rect").first.bounding_box() for one in (request, batch))
        assert outer["x"] < inner["x"] and inner["x"] + inner["width"] < outer["x"] + outer["width"]
        assert outer["y"] < inner["y"]
        batch.locator("details.span > summary").nth(1).click()
        expect(batch.get_by_text("modelwatch.stage").first).to_be_visible()
        expect(page.get_by_text("What carries this trace's id in")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator(".batch").get_by_role("link", name="batch flight-delay").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("batch flight-delay")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("row").filter(has_text="timeout").get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("inference flight-delay")
        expect(page.get_by_role("heading", name="Answered in a batch")).to_be_visible()
        assert seen.complaints == []


def test_everything_is_there_without_javascript(visit: Callable[..., Any]) -> None:
    """Lists, exemplars and the waterfall are in the page itself."""
    with visit("/traces?kind=unsure", java_script_enabled=False) as seen:
        expect(seen.page.get_by_role("row")).to_have_count(3)
        expect(seen.page.locator(".exemplars li").first).to_be_visible()
        expect(seen.page.get_by_text("needs JavaScript")).to_have_count(0)
    with visit(f"/traces/{FAILED}", java_script_enabled=False) as seen:
        seen.page.locator("details.span > summary").last.click()
        expect(seen.page.locator("pre")).to_contain_text("raise ValueError")
        expect(seen.page.locator(".lane rect")).to_have_count(3)
        expect(seen.page.locator("time")).to_contain_text("UTC")


def test_the_overview_says_whether_jaeger_is_there(visit: Callable[..., Any]) -> None:
    """And leads to each list."""
    with visit("/") as seen:
        expect(seen.page.locator(".health").filter(has_text="Jaeger at http://127.0.0.1:")).to_be_visible()
        seen.page.get_by_role("link", name="unsure").click()
        expect(seen.page.get_by_role("heading", level=1)).to_have_text("Traces of flight-delay")
        assert seen.complaints == []
