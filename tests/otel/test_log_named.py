"""Values in a text behind a key that the spec redacts: whole words of keys, however they are written."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelwatch.otel.logs.folding import fold
from modelwatch.otel.logs.redaction import Redactor

REDACTOR = Redactor(allow=["carrier"], redact=["name", "seat_row", "homeTown"])


@pytest.mark.parametrize(
    "key",
    [
        *(
            "name",
            "Name",
            "NAME",
            "user_name",
            "userName",
            "user-name",
            "user.name",
            "UserName",
            "USER_NAME",
            "HTTPName",
        ),
        *(
            "name2",
            "names",
            "nameOfUser",
            "name_of_user",
            "'name'",
            '"name"',
            "\\nname",
            "\\x1b[31mname",
            "\x1b[1;31mname",
        ),
        *("x%0Aname", "\\u000aname", "FILENAME", "ｎａｍｅ", "n\u200bame", "éname", "2name", "file_name", "fileName"),
        *("seat_row", "seatRow", "seat row", "SeatRow", "mySeatRow", "hometown", "home-town", "hisHomeTown"),
    ],
)
@pytest.mark.parametrize("told", ["{}=Ada Lovelace", "got {}: Ada; on UA", "x=1,{}='Ada Lovelace'", "?a=1&{}=Ada&b=2"])
def test_a_redacted_key_is_known_as_a_word_of_a_key(key: str, told: str) -> None:
    assert "Ada" not in REDACTOR.text(told.replace("{}", key))


@pytest.mark.parametrize(
    "key", ["filename", "hostname", "Filename", "Codename", "pathname", "unseatrow", "2filename", "x filename"]
)
def test_a_word_that_only_ends_like_a_redacted_key_keeps_its_value(key: str) -> None:
    for told in (f"{key}=rows.csv", f"read {key}: rows.csv", f"a=1, {key}=rows.csv carrier=UA"):
        assert REDACTOR.text(told) == told


@given(st.text(max_size=20), st.sampled_from(["name", "Name", "NAME", "seat_row", "homeTown"]), st.sampled_from("=:"))
def test_whatever_is_no_small_letter_before_a_redacted_key_leaves_it_one(before: str, key: str, sign: str) -> None:
    assume(not re.search(r"[A-Za-z]\Z", fold(before).text) or not key[0].islower())
    assert "Ada" not in REDACTOR.text(f"{before}{key}{sign}Ada")


@pytest.mark.parametrize("key", ["username", "firstname", "myemail", "mytoken", "dbpassword"])
def test_what_is_personal_or_secret_everywhere_is_masked_within_a_word_too(key: str) -> None:
    for redactor in (REDACTOR, Redactor()):
        assert "Ada" not in redactor.text(f"{key}=Ada")
