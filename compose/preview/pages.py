"""The HTML around what the browser draws. jinja2 escapes all that is put into it; scripts and styles are files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from zlib import crc32

from jinja2 import Environment, PackageLoader, StrictUndefined

from modelwatch.compose.preview import texts
from modelwatch.telemetry.metrics import STAGES

if TYPE_CHECKING:
    from modelwatch.compose.preview.runbooks import Entry, Page

_COLOURS = 9


@cache
def _templates() -> Environment:
    made = Environment(loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined)
    for filter_ in (texts.duration, texts.moment, texts.iso, texts.count, texts.percent, stage_class):
        made.filters[filter_.__name__] = filter_
    return made


def stage_class(stage: str) -> str:
    """The style sheet's class with a stage's colour: the usual ones have their own, the same name always the same."""
    if not stage:
        return "span-other"
    if stage in STAGES:
        return f"stage-{STAGES.index(stage)}"
    return f"stage-{len(STAGES) + crc32(stage.encode()) % (_COLOURS - len(STAGES))}"


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


def traces(**values: object) -> str:
    return _render("traces.html", title="Traces", **values)


def trace(**values: object) -> str:
    return _render("trace.html", title=f"Trace {str(values['trace'])[:8]}", **values)


def trace_forgotten(trace: str) -> str:
    return _render("trace_forgotten.html", title="No such trace", trace=trace)


def traces_away(kind: str, text: str, url: str) -> str:
    return _render("traces_away.html", title="No traces now", kind=kind, text=text, url=url)
