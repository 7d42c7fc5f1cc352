"""Trained models and their baselines on disk: made once for each state of code and data, and never half-written."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import pyarrow.parquet

from demo import dataset, models
from demo.dataset import Dataset
from demo.models import RECIPES, Predictor

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "data"
"""The specs in models/ name their baselines here."""

_MODELS = "models.joblib"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Artifacts:
    """``scores`` by model, on July to December."""

    predictors: Mapping[str, Predictor]
    scores: Mapping[str, Mapping[str, float]]


def fingerprint(source: Path) -> str:
    """Changes when the code, the data or the libraries that make the models do."""
    digest = hashlib.sha256()
    for path in (dataset.__file__, models.__file__, HERE / "train.py"):
        digest.update(Path(path).read_bytes())
    for name in ("flights.csv.zip", "weather.csv", "airports.csv"):
        digest.update((source / name).read_bytes())
    for package in ("numpy", "scikit-learn", "pyarrow"):
        digest.update(f"{package} {version(package)}\n".encode())
    return digest.hexdigest()


def ensure(folder: Path, say: Callable[[str], None], load: Callable[[], Dataset] = dataset.load) -> Artifacts:
    """The models of this code and data, trained now if they are not there. Raises DataError.

    A second process that wants the same waits for the first.
    """
    wanted = fingerprint(dataset.folder())
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        if not _is_there(folder, wanted):
            say("training the demo's models, once: half a minute at most")
            _make(folder, wanted, load(), say)
        return _read(folder)


def _is_there(folder: Path, wanted: str) -> bool:
    files = (_MODELS, *(f"{name}.parquet" for name in RECIPES))
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text())
    except (OSError, ValueError):
        return False
    return manifest.get("fingerprint") == wanted and all((folder / name).is_file() for name in files)


def _make(folder: Path, wanted: str, data: Dataset, say: Callable[[str], None]) -> None:
    # scikit-learn takes seconds to import, and a service that finds its models does not train.
    from demo.train import train  # noqa: PLC0415

    say(f"{len(data.flights):,} flights; {data.dropped:,} were cancelled or diverted and are left out")
    trained = train(data, say)
    work = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        joblib.dump({name: found.predictor for name, found in trained.items()}, work / _MODELS)
        for name, found in trained.items():
            pyarrow.parquet.write_table(found.reference, work / f"{name}.parquet")
        scores = {name: found.scores for name, found in trained.items()}
        (work / _MANIFEST).write_text(json.dumps({"fingerprint": wanted, "scores": scores}, indent=1) + "\n")
        # The manifest goes first and comes last, so it only ever stands beside files that it is of.
        (folder / _MANIFEST).unlink(missing_ok=True)
        for name in (_MODELS, *(f"{name}.parquet" for name in trained), _MANIFEST):
            (work / name).replace(folder / name)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _read(folder: Path) -> Artifacts:
    predictors: dict[str, Predictor] = joblib.load(folder / _MODELS)
    manifest = json.loads((folder / _MANIFEST).read_text())
    return Artifacts(predictors, manifest["scores"])


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
