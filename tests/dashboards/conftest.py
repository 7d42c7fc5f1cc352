"""The generated boards of the sample fleet, parsed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelwatch.dashboards import generate
from modelwatch.model.types import Fleet

Json = dict[str, Any]


@pytest.fixture
def boards(fleet: Fleet) -> dict[str, Json]:
    """Stem of the file -> board."""
    return {name.rpartition("/")[2].removesuffix(".json"): json.loads(text) for name, text in generate(fleet).items()}
