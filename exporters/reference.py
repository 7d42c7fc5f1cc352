"""The reference profile: what each feature looked like when the model was trained, and its file.

The file is JSON of a few kilobytes that people can read, with a version and the SHA-256 of its content. Reading it
gives exactly what was written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from modelwatch.exporters.bins import CategoricalBins, NumericBins

FORMAT = "modelwatch.profile/1"


class ProfileError(Exception):
    """A profile that cannot be made or read. The message says where, what and how to mend it."""


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """``counts`` of the reference by bin, in the order of ``bins.labels``, so its sum is the rows of the reference.

    ``minimum`` and ``maximum`` are of a numeric feature that has values. ``rank_error`` bounds by how much (a share of
    the rows) its edges may miss the exact quantiles.
    """

    name: str
    bins: NumericBins | CategoricalBins
    counts: tuple[int, ...]
    minimum: float | None = None
    maximum: float | None = None
    rank_error: float = 0.0

    @property
    def type(self) -> str:
        return "numeric" if isinstance(self.bins, NumericBins) else "categorical"


@dataclass(frozen=True)
class Profile:
    """``rows`` of data as ``features`` saw them."""

    model: str
    rows: int
    features: tuple[FeatureProfile, ...]

    @cached_property
    def sha256(self) -> str:
        """Hash of the content, 64 hexadecimal digits."""
        return _hash(_document(self))

    def feature(self, name: str) -> FeatureProfile | None:
        return next((feature for feature in self.features if feature.name == name), None)


def _document(profile: Profile) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "model": profile.model,
        "rows": profile.rows,
        "features": [_feature_document(feature) for feature in profile.features],
    }


def _feature_document(feature: FeatureProfile) -> dict[str, Any]:
    counts = dict(zip(feature.bins.labels, feature.counts, strict=True))
    if isinstance(feature.bins, NumericBins):
        return {
            "name": feature.name,
            "type": "numeric",
            "minimum": feature.minimum,
            "maximum": feature.maximum,
            "edges": list(feature.bins.edges),
            "underflow": feature.bins.underflow,
            "rank_error": feature.rank_error,
            "counts": counts,
        }
    return {
        "name": feature.name,
        "type": "categorical",
        "categories": list(feature.bins.categories),
        "others": list(feature.bins.others),
        "complete": feature.bins.complete,
        "counts": counts,
    }


def _hash(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def profile_to_json(profile: Profile) -> str:
    """The text of a profile's file: the same profile always gives the same text."""
    document = {"format": FORMAT, "sha256": profile.sha256, **_document(profile)}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def load_profile(path: Path) -> Profile:
    """Read a profile. Raises ProfileError for what is no whole, unchanged profile of this version."""
    try:
        document = json.loads(path.read_bytes())
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
    if _hash(content) != document.get("sha256"):
        raise ProfileError(
            f"{path}: its content does not match its sha256: the file was edited or cut short; make it again"
        )
    try:
        return Profile(content["model"], content["rows"], tuple(map(_feature, content["features"])))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProfileError(f"{path}: is no whole profile ({error!r}); make it again with modelwatch profile") from None


def _feature(document: Mapping[str, Any]) -> FeatureProfile:
    counts: Mapping[str, int] = document["counts"]
    bins: NumericBins | CategoricalBins
    extra: dict[str, Any] = {}
    if document["type"] == "numeric":
        bins = NumericBins(tuple(document["edges"]), document["underflow"])
        extra = {key: document[key] for key in ("minimum", "maximum", "rank_error")}
    else:
        bins = CategoricalBins(tuple(document["categories"]), tuple(document["others"]), document["complete"])
    if tuple(counts) != bins.labels:
        raise ValueError(f"the bins of {document['name']} and its counts differ")
    return FeatureProfile(document["name"], bins, tuple(counts.values()), **extra)
