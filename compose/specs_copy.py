"""A copy of the specs and their baselines for containers, which see nothing else of the working folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from modelwatch.compose.state import StackError
from modelwatch.model.types import Fleet


def _wanted(models_dir: Path, fleet: Fleet) -> list[Path]:
    specs = [path for path in models_dir.rglob("*") if path.is_file() and not path.name.startswith(".")]
    baselines = [
        Path(text)
        for model in fleet.models
        if model.baseline
        for text in (model.baseline.data, model.baseline.profile)
        if text
    ]
    return [*specs, *(path for path in baselines if path.is_file())]


def copy_specs(target: Path, models_dir: Path, fleet: Fleet) -> str:
    """Make ``target`` hold the specs and baselines, as far from each other as they are; where in it the specs are.

    Raises StackError for a file that cannot be read.
    """
    models_dir = Path(os.path.normpath(models_dir))
    wanted = {Path(os.path.normpath(path)) for path in _wanted(models_dir, fleet)}
    base = Path(os.path.commonpath([models_dir.parent, *wanted]))
    kept = set()
    for path in wanted:
        copy = target / path.relative_to(base)
        kept.add(copy)
        _copy(path, copy)
    for old in [path for path in target.rglob("*") if path.is_file() and path not in kept]:
        old.unlink()
    return models_dir.relative_to(base).as_posix()


def _copy(path: Path, copy: Path) -> None:
    """Replace a copy that is older or of another size, in one step."""
    try:
        there, here = copy.stat() if copy.exists() else None, path.stat()
        if there and (there.st_size, there.st_mtime_ns) == (here.st_size, here.st_mtime_ns):
            return
        copy.parent.mkdir(parents=True, exist_ok=True)
        new = copy.with_name(f".{copy.name}.new")
        shutil.copyfile(path, new)
        os.utime(new, ns=(here.st_atime_ns, here.st_mtime_ns))
        new.chmod(0o644)
        new.replace(copy)
    except OSError as error:
        raise StackError(f"cannot copy {path} for the containers: {error.strerror or error}") from error
