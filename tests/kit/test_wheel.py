"""The built wheel works outside the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what git tracks and installed into a folder of its own."""
    root = tmp_path_factory.mktemp("wheel")
    tracked = (
        subprocess.run(["git", "ls-files", "-z"], cwd=REPO, capture_output=True, check=True).stdout.decode().split("\0")
    )
    for name in filter(None, tracked):
        source, target = REPO / name, root / "source" / name
        if name.startswith(("tests/", "generated/")) or not (source.exists() or source.is_symlink()):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        else:
            target.write_bytes(source.read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(root / "dist"), str(root / "source")],
        check=True,
        capture_output=True,
    )
    wheel = next((root / "dist").glob("modelwatch-*.whl"))
    subprocess.run(
        [*pip, "install", "--no-deps", "--target", str(root / "site"), str(wheel)], check=True, capture_output=True
    )
    return root / "site"


def _run(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )


def test_the_wheel_puts_one_package_into_site_packages(installed: Path) -> None:
    names = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert names <= {"modelwatch", "bin", "__pycache__"}, names


def test_a_spec_is_drafted_checked_and_generated_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    where = _run(installed, tmp_path, "-c", "import modelwatch; print(modelwatch.__file__)")
    assert where.stdout.startswith(str(installed)), where.stdout + where.stderr
    (tmp_path / "table.csv").write_text(
        "age,country\n" + "\n".join(f"{n % 90},{'DE' if n % 2 else 'FR'}" for n in range(500))
    )
    for arguments in (("init", "table.csv", "--name", "churn"), ("check",), ("generate",)):
        done = _run(installed, tmp_path, "-m", "modelwatch.cli.main", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "generated/prometheus/rules/churn.yaml").is_file()


def test_a_code_is_explained_where_there_is_no_documentation(installed: Path, tmp_path: Path) -> None:
    for code in ("MW012", "MW053", "MW900", "MW901"):
        done = _run(installed, tmp_path, "-m", "modelwatch.cli.main", "explain", code)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{code}: ")
        assert "\nMended:\n" in done.stdout or "\nMend it:\n" in done.stdout
        assert "```" not in done.stdout and "](" not in done.stdout


def test_what_programs_are_built_from_and_pages_are_drawn_with_is_in_the_wheel(installed: Path) -> None:
    for path in (
        "compose/compose.yaml",
        "compose/Dockerfile",
        "compose/parts/manifests/otelcol/go.sum",
        "compose/preview/static/vendor/uPlot.iife.min.js",
        "model/schema/model.schema.json",
        "py.typed",
    ):
        assert (installed / "modelwatch" / path).is_file(), path


def test_an_archive_of_the_wheel_holds_no_link_and_no_cache(installed: Path) -> None:
    wheel = next((installed.parent / "dist").glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert not [
        name for name in names if "__pycache__" in name or name.startswith(("demo/", "dashboards/", "exporters/"))
    ]
