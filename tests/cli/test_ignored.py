"""Keys and a stack's state stay out of git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from modelwatch.cli.ignored import keep_private

REPO = Path(__file__).parents[2]
WRITTEN = "# Keys, and what the stack of modelwatch keeps.\nsecrets/\n.modelwatch/\n"


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("repository", [True, False])
def test_a_folder_without_one_gets_a_gitignore_that_git_follows(tmp_path: Path, repository: bool) -> None:
    if repository:
        git(tmp_path, "init", "-q")
    assert keep_private(tmp_path) == (".gitignore: keeps secrets/ and .modelwatch/ out of git",)
    assert (tmp_path / ".gitignore").read_text() == WRITTEN
    assert keep_private(tmp_path) == ()
    if repository:
        for name in ("secrets/pager.key", ".modelwatch/stack.json"):
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text("x")
        assert git(tmp_path, "status", "--porcelain", "--untracked-files=all") == "?? .gitignore\n"


@pytest.mark.parametrize("repository", [True, False])
@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("*.log\n", "the lines `secrets/` and `.modelwatch/`"),
        ("/secrets\n", "the line `.modelwatch/`"),
        (".modelwatch/\nsecrets\n", None),
    ],
)
def test_a_gitignore_of_the_user_is_never_touched_and_what_it_lacks_is_said(
    tmp_path: Path, repository: bool, written: str, advice: str | None
) -> None:
    if repository:
        git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text(written)
    said = keep_private(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == written
    assert [line.partition(": add ")[2] for line in said] == ([f"{advice} to .gitignore"] if advice else [])


def test_what_a_repository_ignores_further_up_needs_no_file_here(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("secrets/\n.modelwatch/\n")
    (tmp_path / "below").mkdir()
    assert keep_private(tmp_path / "below") == ()
    assert list((tmp_path / "below").iterdir()) == []


def test_the_repository_of_the_kit_ignores_both_itself() -> None:
    assert keep_private(REPO) == ()
