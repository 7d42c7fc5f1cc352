"""Generated files appear whole, ours are replaced and removed, a person's are never touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch import writer

FILES = {"a/one.yaml": "1\n", "a/two.yaml": "2\n", "three.md": "3\n"}


def _tree(out: Path) -> dict[str, str]:
    return {
        str(path.relative_to(out)): path.read_text()
        for path in out.rglob("*")
        if path.is_file() and path.name != writer.MANIFEST
    }


def test_the_first_write_makes_every_file_and_the_second_changes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    assert writer.write(out, FILES).added == ("a/one.yaml", "a/two.yaml", "three.md")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert not writer.write(out, FILES)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert _tree(out) == FILES


def test_files_whose_spec_went_are_removed_with_their_empty_folder(tmp_path: Path) -> None:
    writer.write(tmp_path, FILES)
    changes = writer.write(tmp_path, {"three.md": "3\n"})
    assert changes.removed == ("a/one.yaml", "a/two.yaml")
    assert _tree(tmp_path) == {"three.md": "3\n"}
    assert not (tmp_path / "a").exists()


def test_a_file_that_a_person_put_there_stays(tmp_path: Path) -> None:
    writer.write(tmp_path, FILES)
    (tmp_path / "a/mine.yaml").write_text("mine")
    writer.write(tmp_path, {})
    assert _tree(tmp_path) == {"a/mine.yaml": "mine"}


def test_a_persons_file_in_the_way_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "three.md").write_text("mine")
    with pytest.raises(
        writer.NotOursError, match=r"three\.md was not written by modelwatch and is in the way: move it"
    ):
        writer.write(tmp_path, FILES)
    assert _tree(tmp_path) == {"three.md": "mine"}


def test_an_edited_generated_file_is_written_again(tmp_path: Path) -> None:
    writer.write(tmp_path, FILES)
    (tmp_path / "three.md").write_text("edited")
    assert writer.compare(tmp_path, FILES).changed == ("three.md",)
    writer.write(tmp_path, FILES)
    assert _tree(tmp_path) == FILES


def test_a_write_that_fails_leaves_the_old_files_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.write(tmp_path, FILES)
    fsync = writer._stage

    def full(target: Path, text: str) -> str:
        if target.name == "two.yaml":
            raise OSError(28, "No space left on device", str(target))
        return fsync(target, text)

    monkeypatch.setattr(writer, "_stage", full)
    with pytest.raises(OSError, match="No space left"):
        writer.write(tmp_path, {path: text * 2 for path, text in FILES.items()})
    assert _tree(tmp_path) == FILES
    assert not list((tmp_path / "a").glob("*.new"))


def test_a_manifest_that_points_elsewhere_removes_nothing_there(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("keep")
    out = tmp_path / "out"
    writer.write(out, FILES)
    (out / writer.MANIFEST).write_text(f"../outside.txt\n{outside}\n")
    writer.compare(out, FILES)
    writer.write(out, FILES)
    assert outside.read_text() == "keep"


_names = st.text("ab", min_size=1, max_size=2)
_trees = st.dictionaries(st.builds("{}/{}.txt".format, _names, _names), st.text(max_size=5))


@given(_trees, _trees)
def test_after_any_two_writes_the_folder_holds_exactly_the_second(
    tmp_path_factory: pytest.TempPathFactory, first: dict[str, str], second: dict[str, str]
) -> None:
    out = tmp_path_factory.mktemp("out")
    writer.write(out, first)
    writer.write(out, second)
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.txt")}
    assert found == {path: text.encode() for path, text in second.items()}
    assert not writer.compare(out, second)
