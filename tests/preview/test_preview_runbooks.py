"""Runbooks as pages, and no way out of the folders that are served."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.compose.preview import markdown
from modelwatch.compose.preview.runbooks import Runbooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient


def test_a_runbook_is_a_page_whose_html_is_text(folder: Path, open_client: Callable[..., TestClient]) -> None:
    """Scripts, event handlers and script links in a runbook stay text."""
    (folder / "runbooks" / "flight-delay" / "Evil.md").write_text(
        "# Evil <script>alert(1)</script>\n\n<script>alert(2)</script>\n\n<img src=x onerror=alert(3)>\n\n"
        "[a](javascript:alert(4)) [b](https://example.org) ![c](data:text/html;base64,x)\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    page = open_client().get("/runbooks/flight-delay/Evil").text
    article = page[page.index("<article") : page.index("</article>")]
    assert "<script" not in article and "<img" not in article
    assert 'href="javascript' not in page
    assert "&lt;script&gt;alert(2)" in article
    assert '<a href="https://example.org">b</a>' in article and "<td>1</td>" in article
    assert "<title>Evil &lt;script&gt;" in page


@given(st.text(max_size=200))
def test_no_markdown_makes_a_script(source: str) -> None:
    """Whatever is written, no tag of the author's own reaches the page."""
    html = markdown.render(f"{source}\n\n<script>{source}</script>")
    assert not re.search(r"<(script|iframe|img[^>]*onerror)", html, re.IGNORECASE)


def test_the_stamp_of_a_generated_file_is_not_shown(folder: Path, open_client: Callable[..., TestClient]) -> None:
    """The comment that tells editors where the file comes from is not for readers; later ones stay text."""
    path = folder / "runbooks" / "flight-delay" / "Stamped.md"
    path.write_text("<!-- Generated: do not\nedit. -->\n# Stamped\n\n<!-- kept -->\n")
    page = open_client().get("/runbooks/flight-delay/Stamped").text
    assert "Generated" not in page
    assert "<h1>Stamped</h1>" in page and "&lt;!-- kept --&gt;" in page


def test_runbooks_are_listed_by_model_and_title(open_client: Callable[..., TestClient]) -> None:
    """The index knows each runbook's first heading, the page's address ends without .md."""
    client = open_client()
    assert client.get("/api/runbooks").json() == [
        {
            "model": "flight-delay",
            "alert": "Burn",
            "title": "Burn: the budget of flight-delay",
            "url": "/runbooks/flight-delay/Burn",
        }
    ]
    assert '<a href="/runbooks/flight-delay/Burn">Burn: the budget of flight-delay</a>' in client.get("/runbooks/").text
    moved = client.get("/runbooks/flight-delay/Burn.md", follow_redirects=False)
    assert moved.headers["location"] == "/runbooks/flight-delay/Burn"


def test_without_a_folder_there_are_no_runbooks(tmp_path: Path) -> None:
    """A missing folder is an empty index, not an error."""
    assert Runbooks(None).index() == Runbooks(tmp_path / "missing").index() == []
    assert Runbooks(None).page("a", "b") is None


@pytest.mark.parametrize(
    "path",
    [
        "/runbooks/../secret",
        "/runbooks/flight-delay/..%2f..%2fsecret",
        "/runbooks/%2e%2e/secret",
        "/runbooks/..%5c/secret",
        "/runbooks/flight-delay/%00",
        "/runbooks/.hidden/secret",
        "/runbooks/flight-delay/link",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/%2e%2e/boards.py",
        "/static//etc/passwd",
        "/d/..%2f..%2fsecret",
    ],
)
def test_no_path_leads_out_of_the_folders(path: str, folder: Path, open_client: Callable[..., TestClient]) -> None:
    """Dots, encoded slashes, absolute paths and symbolic links end in 404."""
    (folder / "secret.md").write_text("# secret")
    (folder / "runbooks" / ".hidden").mkdir()
    (folder / "runbooks" / ".hidden" / "secret.md").write_text("# secret")
    (folder / "runbooks" / "flight-delay" / "link.md").symlink_to(folder / "secret.md")
    response = open_client().get(path)
    assert response.status_code == 404
    assert "import annotations" not in response.text and "# secret" not in response.text
