"""Where the specs may be that are not where they were looked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".yaml", ".yml")
_HEAD = 4096


def not_a_folder(models_dir: Path) -> str:
    """Help where the folder of the specs cannot be read."""
    if models_dir.is_file() or next(_specs(models_dir.parent), None):
        return f"--models takes the folder of your specs: did you mean --models {models_dir.parent}?"
    return "give the folder of your specs with --models, or make one with modelwatch init"


def no_model(models_dir: Path) -> str:
    """Help where the folder holds no model."""
    misnamed = [path for path in _listed(models_dir) if path.suffix not in SUFFIXES and path.suffix.lower() in SUFFIXES]
    if misnamed:
        return f"specs end with .yaml or .yml: rename {misnamed[0]}"
    for folder in _listed(models_dir):
        if folder.is_dir() and next(_specs(folder), None):
            return f"subfolders are not read: did you mean --models {folder}?"
    return "draft a first spec with modelwatch init DATA"


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name[0] != ".")
    except OSError:
        return []


def _specs(folder: Path) -> Iterator[Path]:
    """Files of a folder that are specs by their name and their beginning."""
    for path in _listed(folder):
        if path.suffix in SUFFIXES and path.is_file():
            try:
                with path.open("rb") as file:
                    head = file.read(_HEAD)
            except OSError:
                continue
            if b"modelwatch/v" in head:
                yield path
