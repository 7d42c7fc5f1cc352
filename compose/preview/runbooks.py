"""A folder of runbooks, ``<model>/<Alert>.md``, as pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwatch.compose.preview import markdown

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_OWN = "modelwatch"  # the folder of the stack's own alerts; no spec may be called so
_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    model: str
    alert: str
    title: str

    @property
    def path(self) -> str:
        return f"/runbooks/{self.model}/{self.alert}"


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    html: str


class Runbooks:
    """``folder`` may be None or missing: then there are none."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def index(self) -> list[Entry]:
        if self.folder is None:
            return []
        return [
            Entry(path.parent.name, path.stem, _title(path.read_text("utf-8"), path.stem))
            for path in sorted(self.folder.glob("*/*.md"))
            if self.find(path.parent.name, path.stem)
        ]

    def models(self) -> set[str]:
        """Every model with a spec has alerts, and each alert a runbook."""
        return set() if self.folder is None else {path.parent.name for path in self.folder.glob("*/*.md")} - {_OWN}

    def find(self, model: str, alert: str) -> Path | None:
        """The runbook's file; None where there is none, the names are no plain names, or it lies outside the folder."""
        if self.folder is None or not _NAME.fullmatch(model) or not _NAME.fullmatch(alert):
            return None
        root = self.folder.resolve()
        path = (root / model / f"{alert}.md").resolve()
        return path if path.is_file() and path.is_relative_to(root) else None

    def page(self, model: str, alert: str) -> Page | None:
        path = self.find(model, alert)
        if path is None:
            return None
        source = path.read_text("utf-8")
        return Page(_title(source, alert), markdown.render(source))


def _title(source: str, fallback: str) -> str:
    match = _HEADING.search(source)
    return match.group(1).replace("`", "") if match else fallback
