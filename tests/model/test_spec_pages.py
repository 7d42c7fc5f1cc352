"""Every diagnostic has a page whose examples are true."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelwatch.model.codes import TITLES
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.load import load_fleet
from modelwatch.model.render import as_text

PAGES = Path(__file__).parents[2] / "docs" / "diagnostics"
_BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`\n\n)?^```(?P<language>\w+)\n(?P<content>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Example:
    """Files and commands that make a folder, and what is printed of it."""

    blocks: tuple[tuple[str | None, str, str], ...]

    @classmethod
    def of(cls, page: str, heading: str) -> Example:
        section = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
        return cls(tuple((m["file"], m["language"], m["content"]) for m in _BLOCK.finditer(section)))

    @property
    def printed(self) -> str:
        return "".join(content for file, language, content in self.blocks if file is None and language == "text")

    def make(self, folder: Path) -> None:
        for file, language, content in self.blocks:
            if file is not None:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_text(content)
            elif language == "sh":
                subprocess.run(["sh", "-ec", content], cwd=folder, check=True)


def _found(code: str) -> tuple[Diagnostic, ...]:
    """Errors and warnings, and the notes that the page is about: an example need not be watched in full."""
    loaded = load_fleet(Path("models"))
    return (*loaded.diagnostics, *(note for note in loaded.notes if note.code == code))


@pytest.mark.parametrize("code", sorted(TITLES))
def test_the_example_of_a_page_fails_as_the_page_prints_and_passes_when_mended(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (PAGES / f"{code}.md").read_text()
    assert page.startswith(f"# {code}: {TITLES[code]}\n")
    fails, mended = Example.of(page, "Fails"), Example.of(page, "Mended")

    (tmp_path / "fails").mkdir()
    fails.make(tmp_path / "fails")
    monkeypatch.chdir(tmp_path / "fails")
    found = _found(code)
    assert {diagnostic.code for diagnostic in found} == {code}
    assert as_text(found) + "\n" == fails.printed

    (tmp_path / "mended").mkdir()
    mended.make(tmp_path / "mended")
    monkeypatch.chdir(tmp_path / "mended")
    assert _found(code) == ()


def test_there_is_no_page_without_a_code_and_the_index_lists_them_all() -> None:
    assert {path.stem for path in PAGES.glob("MW*.md")} == set(TITLES)
    index = (PAGES / "README.md").read_text()
    rows = re.findall(r"^\| \[(MW\d+)\]\((MW\d+)\.md\) \| (.+) \|$", index, re.MULTILINE)
    assert rows == [(code, code, title) for code, title in sorted(TITLES.items())]
