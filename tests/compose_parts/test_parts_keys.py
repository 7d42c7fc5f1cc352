"""Keys of the cache: they change with everything that changes what comes out, and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.compose.parts import cache
from modelwatch.compose.parts.table import GoManifest, GoModule, Source

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
RECIPES = st.builds(
    GoModule,
    module=TEXT,
    version=TEXT,
    sum=TEXT,
    packages=st.dictionaries(TEXT, TEXT, min_size=1, max_size=2),
    tags=st.lists(TEXT, max_size=2).map(tuple),
    variables=st.dictionaries(TEXT, TEXT, max_size=2),
)
PINT = GoManifest(folder="pint", packages={"pint": "x/pint"})


def source(recipe: GoModule | GoManifest, version: str = "1.2.3") -> Source:
    return Source(name="tool", version=version, age="newest", recipe=recipe, seconds=1, lost="x", add="y")


# On a busy machine even small inputs are slow to come.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(RECIPES, RECIPES)
def test_two_recipes_share_a_key_only_when_they_are_equal(one: GoModule, other: GoModule) -> None:
    same = cache.recipe_key(source(one), "linux") == cache.recipe_key(source(other), "linux")
    assert same == (one == other)


@given(RECIPES, TEXT, TEXT)
def test_an_entry_is_named_after_pin_platform_and_toolchain(recipe: GoModule, platform: str, go: str) -> None:
    name = cache.entry_name(source(recipe), platform, go)
    assert name.startswith("tool-1.2.3-")
    assert name == cache.entry_name(source(recipe), platform, go)
    others = {
        cache.entry_name(source(recipe), platform + "x", go),
        cache.entry_name(source(recipe), platform, go + "x"),
        cache.entry_name(source(recipe, "1.2.4"), platform, go),
        cache.entry_name(source(replace(recipe, sum=recipe.sum + "x")), platform, go),
    }
    assert len(others | {name}) == 5


def test_wording_and_estimates_do_not_cause_a_build() -> None:
    plain = source(PINT)
    reworded = replace(plain, lost="something else", add="in another way", seconds=99)
    assert cache.recipe_key(plain, "linux") == cache.recipe_key(reworded, "linux")


@given(st.dictionaries(TEXT, st.binary(max_size=8), min_size=1, max_size=3), TEXT, st.binary(max_size=8))
def test_every_byte_of_a_manifest_counts(files: dict[str, bytes], name: str, content: bytes) -> None:
    changed = {**files, name: content}
    with pytest.MonkeyPatch.context() as patch:
        keys = []
        for version in (files, changed):
            patch.setattr(cache, "manifest_files", lambda _folder, version=version: version)
            keys.append(cache.recipe_key(source(PINT), "linux"))
    assert (keys[0] == keys[1]) == (files == changed)
