"""The file of a reference profile: JSON that people can read, with a version and the SHA-256 of its content.

Reading it gives exactly what was written, and the same profile always has the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modelwatch.exporters.bins import CategoricalBins, Cells, NumericBins
from modelwatch.exporters.reference.profile import (
    Correlations,
    FeatureProfile,
    Pca,
    Profile,
    ProfileError,
    Residual,
    Seasons,
    Segments,
    Slice,
)
from modelwatch.model.profile_head import FORMAT, content_hash

_MOMENTS = ("minimum", "maximum", "mean", "std", "kurtosis")


def _document(profile: Profile) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "model": profile.model,
        "rows": profile.rows,
        "features": [_feature_document(feature) for feature in profile.features],
        "correlations": profile.correlations and asdict(profile.correlations),
        "pca": profile.pca and asdict(profile.pca),
        "seasons": profile.seasons
        and {
            "time": profile.seasons.time,
            "hour": _slices_document(profile.seasons.hours),
            "weekday": _slices_document(profile.seasons.weekdays),
        },
        "segments": profile.segments
        and {"feature": profile.segments.feature, "values": _slices_document(profile.segments.values)},
    }


def _feature_document(feature: FeatureProfile) -> dict[str, Any]:
    counts = dict(zip(feature.bins.labels, feature.counts, strict=True))
    if isinstance(feature.bins, NumericBins):
        cells = feature.cells
        return {
            "name": feature.name,
            "type": "numeric",
            **{key: getattr(feature, key) for key in _MOMENTS},
            "exact": feature.exact,
            "edges": list(feature.bins.edges),
            "underflow": feature.bins.underflow,
            "counts": counts,
            "cells": cells and {"edges": list(cells.edges), "counts": list(cells.counts)},
        }
    return {
        "name": feature.name,
        "type": "categorical",
        "categories": list(feature.bins.categories),
        "others": list(feature.bins.others),
        "complete": feature.bins.complete,
        "counts": counts,
    }


def _slices_document(slices: tuple[Slice, ...]) -> dict[str, Any]:
    return {one.value: {"rows": one.rows, "counts": {k: list(v) for k, v in one.counts.items()}} for one in slices}


def digest(profile: Profile) -> str:
    """SHA-256 of the content."""
    return content_hash(_document(profile))


def profile_to_json(profile: Profile) -> str:
    """The text of a profile's file: the same profile always gives the same text."""
    document = {"format": FORMAT, "sha256": profile.sha256, **_document(profile)}
    return _shown(document, 0) + "\n"


def _shown(value: Any, depth: int) -> str:
    """JSON with a line for each thing, and one line for each list of numbers or texts."""
    items: list[str]
    if isinstance(value, dict) and value:
        items = [f"{json.dumps(key, ensure_ascii=False)}: {_shown(one, depth + 1)}" for key, one in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, list | tuple) and any(isinstance(one, dict | list | tuple) for one in value):
        items = [_shown(one, depth + 1) for one in value]
        opening, closing = "[", "]"
    else:
        return json.dumps(value, ensure_ascii=False)
    inner = ",\n".join(" " * (depth + 1) + item for item in items)
    return f"{opening}\n{inner}\n{' ' * depth}{closing}"


def load_profile(path: Path) -> Profile:
    """Read a profile. Raises ProfileError for what is no whole, unchanged profile of this version."""
    try:
        content = path.read_bytes()
        if content.startswith(b"modelwatch.partial/"):
            raise ProfileError(
                f"{path}: is a partial profile; make the profile of all parts with "
                "modelwatch profile MODEL --merge PART ... --output FILE"
            )
        document = json.loads(content)
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from None
    except (ValueError, RecursionError):
        raise ProfileError(f"{path}: is no JSON; make the profile again with modelwatch profile") from None
    return _parsed(document, path)


def _parsed(document: Any, path: Path) -> Profile:
    if not isinstance(document, dict) or "format" not in document:
        raise ProfileError(f"{path}: is no reference profile; make one with modelwatch profile")
    if document["format"] != FORMAT:
        raise ProfileError(
            f"{path}: has the format {document['format']!r}, this version reads {FORMAT!r}; "
            "make the profile again with modelwatch profile"
        )
    content = {key: value for key, value in document.items() if key != "sha256"}
    if content_hash(content) != document.get("sha256"):
        raise ProfileError(
            f"{path}: its content does not match its sha256: the file was edited or cut short; "
            "make it again with modelwatch profile"
        )
    try:
        return _profile(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProfileError(f"{path}: is no whole profile ({error!r}); make it again with modelwatch profile") from None


def _profile(document: Mapping[str, Any]) -> Profile:
    correlations, pca = document["correlations"], document["pca"]
    seasons, segments = document["seasons"], document["segments"]
    return Profile(
        document["model"],
        document["rows"],
        tuple(map(_feature, document["features"])),
        correlations and Correlations(tuple(correlations["features"]), tuple(correlations["upper"])),
        pca and _pca(pca),
        seasons and Seasons(seasons["time"], _slices(seasons["hour"]), _slices(seasons["weekday"])),
        segments and Segments(segments["feature"], _slices(segments["values"])),
    )


def _feature(document: Mapping[str, Any]) -> FeatureProfile:
    counts: Mapping[str, int] = document["counts"]
    bins: NumericBins | CategoricalBins
    extra: dict[str, Any] = {}
    if document["type"] == "numeric":
        bins = NumericBins(tuple(document["edges"]), document["underflow"])
        extra = {key: document[key] for key in (*_MOMENTS, "exact")}
        cells = document["cells"]
        extra["cells"] = cells and _cells(bins, cells, document["name"])
    else:
        bins = CategoricalBins(tuple(document["categories"]), tuple(document["others"]), document["complete"])
    if tuple(counts) != bins.labels:
        raise ValueError(f"the bins of {document['name']} and its counts differ")
    return FeatureProfile(document["name"], bins, tuple(counts.values()), **extra)


def _cells(bins: NumericBins, document: Mapping[str, Any], name: str) -> Cells:
    cells = Cells(bins, tuple(document["edges"]), tuple(document["counts"]))
    if len(cells.counts) != len(cells):
        raise ValueError(f"the cells of {name} and their counts differ")
    return cells


def _pca(document: Mapping[str, Any]) -> Pca:
    residual = document["residual"]
    return Pca(
        tuple(document["features"]),
        tuple(document["mean"]),
        tuple(document["scale"]),
        tuple(map(tuple, document["components"])),
        tuple(document["explained"]),
        residual and Residual(**residual),
    )


def _slices(document: Mapping[str, Any]) -> tuple[Slice, ...]:
    return tuple(
        Slice(value, found["rows"], {name: tuple(counts) for name, counts in found["counts"].items()})
        for value, found in document.items()
    )
