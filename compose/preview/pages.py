"""The HTML around what the browser draws. jinja2 escapes all that is put into it; scripts and styles are files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from modelwatch.compose.preview.runbooks import Entry, Page


@cache
def _templates() -> Environment:
    return Environment(loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined)


def _render(template: str, **values: object) -> str:
    return _templates().get_template(template).render(values)


def home() -> str:
    return _render("home.html", title="Home")


def dashboard(title: str) -> str:
    return _render("dashboard.html", title=title)


def runbook(page: Page, model: str, alert: str) -> str:
    return _render("runbook.html", title=page.title, model=model, alert=alert, html=page.html)


def runbook_index(entries: list[Entry]) -> str:
    return _render("runbooks.html", title="Runbooks", entries=entries)


def message(title: str, text: str) -> str:
    """A page that says why there is none."""
    return _render("message.html", title=title, text=text)
