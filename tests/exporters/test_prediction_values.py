"""Values of a service as JSON has them."""

from __future__ import annotations

import datetime
import decimal
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.telemetry.rows import document, plain


class NAType:
    """As pandas calls its missing value."""

    def __bool__(self) -> bool:
        raise TypeError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int8(3), 3),
        (np.bool_(True), True),
        (np.array(3), 3),
        (np.array([2.5]), 2.5),
        (np.str_("a"), "a"),
        (np.float64("nan"), None),
        (math.inf, None),
        (NAType(), None),
        (decimal.Decimal("1.5"), 1.5),
        (datetime.datetime(2013, 1, 2, 3, tzinfo=datetime.UTC), "2013-01-02T03:00:00+00:00"),
        (datetime.date(2013, 1, 2), "2013-01-02"),
        ("half \ud83d", "half ?"),
        ("é", "é"),
        ([1], "[1]"),
    ],
)
def test_values_become_what_json_has(value: object, expected: object) -> None:
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, str)


@given(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**400), 10**400), st.floats(), st.text(), st.dates(), st.binary()
    )
)
def test_every_plain_value_is_strict_json(value: object) -> None:
    text = json.dumps(plain(value), allow_nan=False)
    assert json.loads(text) == plain(value)
    text.encode("ascii")


def test_a_name_is_made_a_text_as_a_value_is() -> None:
    made = document({"x\udcff": 1, 2: "\ud83d", "é": 3}, None, None, None, None)
    assert made["features"] == {"x?": 1, "2": "?", "é": 3}
