"""Private data of every kind, wherever a log call has room for it: none comes out, and ordinary lines stay as they are."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.otel.logs.numbers import cards, ibans, luhn
from modelwatch.otel.logs.redaction import TEXT_LIMIT, Redactor

HERE = Path(__file__).parent
CORPUS: dict[str, list[str]] = yaml.safe_load((HERE.parent / "collector" / "private.yaml").read_text("utf-8"))
HARMLESS: list[str] = [str(line) for line in yaml.safe_load((HERE / "harmless.yaml").read_text("utf-8"))]
PATTERNED = [str(text) for kind, texts in CORPUS.items() if kind != "names" for text in texts]
NAMES = CORPUS["names"]
REDACTOR = Redactor(allow=["carrier", "origin", "row", "note"], redact=["passenger_email", "frequentFlyer"])


def left(private: str, found: str) -> list[str]:
    """What of a private text can be read: all of it, most of its digits in a row, or a long word of it."""
    digits, squeezed = re.sub(r"\D", "", private), re.sub(r"[\s()./+-]", "", found)
    words = re.findall(r"[A-Za-z0-9]{10,}", private) if len(digits) < 9 else []
    words = [word for word in words if word.lower() not in ("privatekey", "credentials")]
    return [
        *([private] if private.casefold() in found.casefold() else []),
        *([digits] if len(digits) >= 9 and digits in squeezed else []),
        *(word for word in words if word in found),
    ]


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("private", PATTERNED)
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "sold to {}, window",
        "({})",
        "to:{}",
        "seat 12A of «{}» 2013-06-30",
        "two {} and {}",
    ],
)
def test_private_values_are_masked_in_free_text(private: str, text: str) -> None:
    found = REDACTOR.text(text.replace("{}", private))
    assert left(private, found) == []
    assert "****" in found


@pytest.mark.parametrize("private", PATTERNED)
def test_private_values_are_masked_in_allowed_fields_however_deep_and_in_json_within_texts(private: str) -> None:
    nested = {"row": [{"note": {"carrier": (private, {"origin": f"of {private}"})}}]}
    for value in (private, [private], nested, json.dumps(nested), json.dumps(json.dumps(nested)), f"got {nested}"):
        found, dropped = REDACTOR.fields({"note": value})
        assert left(private, as_text(found)) == []
        assert dropped == 0


@pytest.mark.parametrize("private", [*PATTERNED, *NAMES])
def test_keys_that_are_not_allowed_are_removed_with_their_values_and_counted(private: str) -> None:
    found, dropped = REDACTOR.fields(
        {private: "x", f"passenger.{private}": 1, "passenger": private, "row": {private: "x", "who": [private]}}
    )
    assert (found, dropped) == ({"row": {}}, 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "text",
    [
        '{"passenger": "{}", "carrier": "UA"}',
        "request {'passenger': '{}', 'carrier': 'UA'} failed",
        'request {"who": ["{}", "x"], "carrier": "UA"} failed',
        'request {"row": {"{}": 1}, "carrier": "UA"} failed',
        'got {\\"passenger\\": \\"{}\\", \\"carrier\\": \\"UA\\"}',
        "Passenger(first='{}', carrier='UA')",
        "passenger_name={} carrier=UA",
        "Last Name: {}, carrier UA",
        '"customer name": "{}" on UA',
        "frequent_flyer={} carrier=UA",
        "FrequentFlyer: {}; carrier UA",
    ],
)
def test_names_of_people_go_where_something_says_that_they_are_names(name: str, text: str) -> None:
    found = REDACTOR.text(text.replace("{}", name))
    assert name not in found
    assert name.split(maxsplit=1)[0] not in found
    assert "UA" in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cookie: sid=abc; theme=dark\nnext line", "****\nnext line"),
        ('{"authorization": "Digest username=ada, nonce=x", "carrier": "UA"}', '{"carrier": "UA"}'),
        ("Authorization: Digest username=ada, nonce=x", "****"),
        ("password: 'correct horse battery staple' carrier=UA", "**** carrier=UA"),
        ("GET /x?access_token=abc&carrier=UA", "GET /x?access_****&carrier=UA"),
        ("client_secret=abc def, x", "client_****, x"),
    ],
)
def test_secrets_go_with_all_that_belongs_to_them(text: str, expected: str) -> None:
    assert REDACTOR.text(text) == expected


@pytest.mark.parametrize("line", HARMLESS)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert REDACTOR.text(line) == line
    assert REDACTOR.fields({"note": [line]}) == ({"note": [line]}, 0)


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def arabic(text: str) -> str:
    return "".join(chr(0x660 + int(c)) if c.isascii() and c.isdigit() else c for c in text)


def invisible(text: str) -> str:
    return "\u200b".join(text)


def marked(text: str) -> str:
    """Each character with a mark on it, as in keycaps."""
    return "".join(f"{c}\ufe0f\u20e3" if c.isdigit() else c for c in text)


def in_json(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


def in_url(text: str) -> str:
    return "".join(f"%{byte:02X}" if byte < 128 else chr(byte) for byte in text.encode("latin-1", "ignore"))


@pytest.mark.parametrize("disguise", [full_width, arabic, invisible, marked, in_json, in_url])
@pytest.mark.parametrize("kind", ["emails", "phones", "cards", "ibans"])
def test_what_a_person_reads_as_private_is_masked_in_any_disguise(kind: str, disguise: Any) -> None:
    for private in CORPUS[kind]:
        if disguise in (in_json, in_url) and not str(private).isascii():
            continue
        dressed = disguise(str(private))
        found = REDACTOR.text(f"to {dressed} now")
        assert dressed not in found, (private, found)
        assert found.startswith("to ") and found.endswith(" now")
        assert not re.search(r"\d{5}", unicodedata.normalize("NFKC", found)), (private, found)


def test_only_numbers_with_a_right_check_digit_are_cards_and_ibans() -> None:
    """Each card of the corpus is found alone and within longer runs; with its last digit changed it is none."""
    for card in map(str, CORPUS["cards"]):
        assert [card[a:b] for a, b in cards(card)] == [card]
        assert next(f"12 {card} 34 x"[a:b] for a, b in cards(f"12 {card} 34 x")).startswith(card[:13])
        wrong = card[:-1] + str((int(card[-1]) + 1) % 10)
        assert not luhn(re.sub(r"\D", "", wrong))
        assert list(cards(wrong)) == [] or len(re.sub(r"\D", "", card)) > 13
    for iban in map(str, CORPUS["ibans"]):
        text = f"to {iban} PAID"
        assert [text[a:b] for a, b in ibans(text)] == [iban]
        assert list(ibans(text.replace(iban[:4], iban[:2] + f"{(int(iban[2:4]) + 1) % 100:02}"))) == []


class Hostile:
    """Raises however it is looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("ada@example.com")

    def __str__(self) -> str:
        raise RuntimeError("ada@example.com")

    __repr__ = __hash__ = __bool__ = __len__ = __iter__ = __str__  # type: ignore[assignment]


class Sold:
    def __str__(self) -> str:
        return "to Ada Lovelace"


def test_what_cannot_be_shown_is_its_type() -> None:
    values = [Hostile(), Sold(), b"ada@example.com", object, ValueError("ada@example.com"), np.zeros(3)]
    assert REDACTOR.value(values) == ["Hostile", "Sold", "bytes", "type", "ValueError", "ndarray"]


def test_plain_values_stay_what_they_are_and_others_become_texts() -> None:
    plain = [1, -2.5, True, None, "late", 0]
    assert REDACTOR.value(plain) == plain
    others = (
        np.float64(0.5),
        np.int64(3),
        Decimal("1.50"),
        datetime(2013, 6, 30, tzinfo=UTC),
        UUID(int=7),
        Path("a/b"),
    )
    assert REDACTOR.value(others) == [0.5, 3, "1.50", "2013-06-30T00:00:00+00:00", str(UUID(int=7)), "a/b"]
    assert REDACTOR.value([float("nan"), float("inf"), 10**30]) == ["nan", "inf", str(10**30)]
    assert REDACTOR.value([4111111111111111, Decimal("4111111111111111"), np.int64(4111111111111111)]) == ["****"] * 3


def test_a_structure_that_is_deep_wide_or_a_circle_is_cut_and_harms_nobody() -> None:
    circle: dict[str, Any] = {"carrier": "UA"}
    circle["row"] = [circle, circle]
    deep: Any = "ada@example.com"
    for _ in range(10_000):
        deep = [deep]
    start = time.perf_counter()
    found = as_text(REDACTOR.fields({"row": circle, "note": deep, "carrier": ["x"] * 1_000_000})[0])
    assert time.perf_counter() - start < 1
    assert len(found) < 20_000
    assert '"dict"' in found
    assert as_text(REDACTOR.value("[" * 100_000)) != ""


def test_a_long_text_is_cut_and_nothing_private_is_left_at_the_cut() -> None:
    for private in ("4111 1111 1111 1111", "ada@mail.example.com", "Bearer abcDEF123456", "+49 170 1234567"):
        for before in range(TEXT_LIMIT - len(private) - 2, TEXT_LIMIT + 2):
            found = REDACTOR.text(f"{'x' * (before - 1)} {private}{' y' * 5000}")
            assert len(found) <= TEXT_LIMIT + 8
            assert left(private, found) == []
            assert not re.search(r"41|ada|abc|17", found)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a" * 20_000,
            "a-" * 9000,
            "eyJaaaaaaaaa-" * 700,
            "{" * 9000,
            '{"a":' * 2000,
            "1 " * 9000,
            "4111 1111 " * 900,
        ),
        *("+1" * 5000, "+1" + " " * 9000, "password" * 1000, "password=" * 1000, "basic " * 1500, "{'" * 4500),
        *(
            ",'" * 4500,
            "\\" * 9000,
            "[," * 4500,
            ", 'a':[" * 1300,
            "://a:" * 1800,
            "name: " * 1500,
            "first name " * 800,
        ),
        *(
            "a@" * 4500,
            "a@b." * 2200,
            "DE89" * 2000,
            "DE89 " * 2000,
            "(0" * 4500,
            "-----BEGIN " * 800,
            "\\u0061" * 1500,
        ),
        *("first name=" + "a " * 4000, "ﷺ" * 9000, "passwordpasswordx" * 500 + "=", "(a='" * 2500, "%41" * 3000),
    ],
    ids=lambda text: text[:12].encode("ascii", "replace").decode(),
)
def test_no_text_takes_long(text: str) -> None:
    start = time.thread_time()
    REDACTOR.text(text)
    assert time.thread_time() - start < 0.5


PLANTED = st.integers(0, len(PATTERNED) - 1).map(PATTERNED.__getitem__)
FILLER = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
KEYS = st.one_of(st.sampled_from(["carrier", "origin", "row", "note"]), FILLER, PLANTED, st.sampled_from(NAMES))
LEAVES = st.one_of(
    PLANTED,
    # Not glued to letters or digits, which would make another word or number of it.
    st.tuples(FILLER, PLANTED, FILLER).map(lambda t: f"{t[0]} {t[1]} {t[2]}"),
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-1000, 1000),
    FILLER,
)
STRUCTURES = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, max_size=4),
        st.dictionaries(KEYS, below, max_size=4),
        st.lists(below, max_size=3).map(tuple),
        st.lists(below, max_size=3).map(deque),
        st.dictionaries(KEYS, below, max_size=3).map(OrderedDict),
        below.filter(lambda b: not isinstance(b, deque | OrderedDict)).map(
            lambda b: json.dumps(b, default=str, ensure_ascii=False)
        ),
    ),
    max_leaves=12,
)


def texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


@given(STRUCTURES)
def test_no_structure_brings_a_planted_secret_out(structure: Any) -> None:
    found, _ = REDACTOR.fields({"row": structure, "other": structure})
    json.dumps(found, allow_nan=False)
    assert "other" not in found
    for shown in texts(found):
        for private in PATTERNED:
            assert left(private, shown) == []


@given(st.one_of(st.text(), st.binary(), st.from_type(object)))
def test_nothing_that_is_given_makes_it_raise(value: Any) -> None:
    json.dumps(REDACTOR.value(value), allow_nan=False)
    REDACTOR.text(str(value))


@given(st.lists(st.sampled_from(HARMLESS[:30]), min_size=1, max_size=4).map("; ".join))
def test_ordinary_lines_stay_as_they_are_together(line: str) -> None:
    if "[1, 2, 3]" not in line:
        assert REDACTOR.text(line) == line
