"""The reference profile: what a model's features looked like when it was trained, and its file."""

from modelwatch.exporters.reference.file import load_profile, profile_to_json
from modelwatch.exporters.reference.profile import (
    MOST_MISSING,
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
from modelwatch.model.profile_head import FORMAT

__all__ = [
    "FORMAT",
    "MOST_MISSING",
    "Correlations",
    "FeatureProfile",
    "Pca",
    "Profile",
    "ProfileError",
    "Residual",
    "Seasons",
    "Segments",
    "Slice",
    "load_profile",
    "profile_to_json",
]
