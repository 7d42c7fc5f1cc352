"""A folder of Grafana dashboards (classic JSON), read again when its files change."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelwatch.compose.preview import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Document = dict[str, Any]
_Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. ``version`` changes with the file; ``texts`` are its Markdown panels as HTML, by panel id."""

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    file: str
    version: str
    document: Document
    texts: Mapping[str, str]

    @property
    def slug(self) -> str:
        return slugify(self.title)

    @property
    def path(self) -> str:
        return f"/d/{self.uid}/{self.slug}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot be shown, and why."""

    file: str
    message: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    boards: Mapping[str, Board] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


class Boards:
    """The dashboards of ``folder``. ``read`` looks at the files' times and sizes and parses again only what changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stamp: _Stamp | None = None
        self._snapshot = Snapshot()

    def read(self) -> Snapshot:
        stamp = self._look()
        if stamp != self._stamp:
            self._snapshot = _load(self.folder, [self.folder / name for name, _, _ in stamp])
            self._stamp = stamp
        return self._snapshot

    def _look(self) -> _Stamp:
        found = []
        for path in sorted(self.folder.rglob("*.json")):
            try:
                stat = path.stat()
            except OSError:  # removed between listing and looking: the next request sees the folder without it
                continue
            found.append((path.relative_to(self.folder).as_posix(), stat.st_mtime_ns, stat.st_size))
        return tuple(found)


def slugify(title: str) -> str:
    """A title as Grafana writes it in a dashboard's address."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "dashboard"


def panels(document: Document) -> Iterator[Document]:
    """All panels of a dashboard, those inside collapsed rows too."""
    for panel in document.get("panels") or ():
        if isinstance(panel, dict):
            yield panel
            yield from panels(panel)


def _load(folder: Path, files: list[Path]) -> Snapshot:
    boards: dict[str, Board] = {}
    problems = []
    for path in files:
        name = path.relative_to(folder).as_posix()
        try:
            board = _parse(name, path.read_bytes())
        except (OSError, ValueError) as error:
            problems.append(Problem(name, str(error)))
            continue
        if board.uid in boards:
            problems.append(Problem(name, f"uid {board.uid!r} is already that of {boards[board.uid].file}"))
        else:
            boards[board.uid] = board
    return Snapshot(dict(sorted(boards.items(), key=lambda item: item[1].title.lower())), tuple(problems))


def _parse(name: str, content: bytes) -> Board:
    """Raises ValueError that says what keeps the file from being a dashboard."""
    try:
        document = json.loads(content)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    if not isinstance(document, dict) or not isinstance(document.get("panels"), list):
        raise ValueError("no classic Grafana dashboard: a list named 'panels' is missing")
    uid = document.get("uid")
    if not isinstance(uid, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", uid):
        raise ValueError(f"uid {uid!r} is none that Grafana takes: 1 to 40 letters, digits, '-' or '_'")
    texts = {
        str(panel.get("id")): markdown.render(str((panel.get("options") or {}).get("content", "")))
        for panel in panels(document)
        if panel.get("type") == "text" and (panel.get("options") or {}).get("mode", "markdown") == "markdown"
    }
    return Board(
        uid=uid,
        title=str(document.get("title") or uid),
        description=str(document.get("description") or ""),
        tags=tuple(str(tag) for tag in document.get("tags") or ()),
        file=name,
        version=hashlib.sha256(content).hexdigest()[:16],
        document=document,
        texts=texts,
    )
