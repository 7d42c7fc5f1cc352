"""Finds the reference profile of a model: the saved one, or one built from its data and kept for the next start."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from pathlib import Path
from urllib.parse import quote

from modelwatch.exporters.building import build_apart
from modelwatch.exporters.reference import FORMAT, Profile, ProfileError, load_profile, profile_to_json
from modelwatch.exporters.subjects import subjects
from modelwatch.model import types as t

# A build that takes longer says so often how far it is.
PROGRESS_SECONDS = 10.0

_log = logging.getLogger(__name__)

NO_BASELINE = "the spec has no baseline: add baseline.data (CSV, Parquet or Arrow) or baseline.profile"


def find_profile(model: t.Model, cache: Path | None) -> Profile | None:
    """The profile of ``model``; None where its spec has no baseline. Raises ProfileError.

    A profile built from data is kept below ``cache`` under a hash of the data and of what the spec says of features.
    """
    baseline = model.baseline
    if baseline is None or (baseline.profile is None and baseline.data is None):
        return None
    if baseline.profile is not None:
        return load_profile(Path(baseline.profile))
    data = Path(str(baseline.data))
    if cache is None:
        return _built(model, data)
    kept = cache / quote(model.name, safe="") / f"{_key(model, data)}.json"
    with contextlib.suppress(ProfileError):
        found = load_profile(kept)
        if not found.misfits:
            return found
    profile = _built(model, data)
    _keep(profile, kept)
    return profile


def remember(profile: Profile, folder: Path, model: str) -> None:
    """Keep ``profile`` as the one that ``model`` was last compared with."""
    path, text = _last(folder, model), profile_to_json(profile)
    with contextlib.suppress(OSError):
        if path.read_text(encoding="utf-8") == text:
            return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        _log.warning("%s: the profile cannot be kept (%s): a start without its file has no reference", path, error)


def remembered(folder: Path, model: str) -> Profile | None:
    """The profile that ``model`` was last compared with, by this process or an earlier one."""
    with contextlib.suppress(ProfileError):
        return load_profile(_last(folder, model))
    return None


def _last(folder: Path, model: str) -> Path:
    # No *.json: of these only the one for today's data is kept.
    return folder / quote(model, safe="") / "last.profile"


def _key(model: t.Model, data: Path) -> str:
    watched = [[s.name, s.role, s.feature.type, s.feature.max_categories] for s in subjects(model)]
    grouped = model.baseline and [model.baseline.time, model.baseline.segment]
    digest = hashlib.sha256(json.dumps([FORMAT, model.name, data.name, watched, grouped]).encode())
    try:
        with data.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ProfileError(f"{data}: cannot be read ({reason}); it is baseline.data of model {model.name}") from None
    return digest.hexdigest()


def _built(model: t.Model, data: Path) -> Profile:
    started = told = time.monotonic()

    def progress(share: float) -> None:
        nonlocal told
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            _log.info("profile of %s: %.0f %% of %s is read", model.name, 100 * share, data)

    _log.info("building the reference profile of %s from %s", model.name, data)
    profile = build_apart(model, data, progress)
    _log.info("profile of %s: %d rows in %.1f s", model.name, profile.rows, time.monotonic() - started)
    return profile


def _keep(profile: Profile, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_text(profile_to_json(profile), encoding="utf-8")
        beside.replace(path)
        for older in path.parent.glob("*.json"):
            if older != path:
                older.unlink()
    except OSError as error:
        _log.warning("%s: the profile cannot be kept (%s), so the next start builds it again", path, error)
