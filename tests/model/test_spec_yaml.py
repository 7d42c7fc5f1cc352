"""What is wrong with YAML itself is told in clear words, with its place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from modelwatch.model.parse import parse
from modelwatch.model.read import Text, decode
from modelwatch.model.scalars import Trap, read_plain
from modelwatch.model.tree import data

from .conftest import TEN_LINES, Load, told


def read(content: str | bytes) -> tuple[object, list[str]]:
    """The data of a document, and ``line:column CODE message -- help`` of what is wrong with it."""
    text = decode("x.yaml", content if isinstance(content, bytes) else content.encode())
    if not isinstance(text, Text):
        return None, [f"{text.line}:{text.column} {text.code} {text.message} -- {text.help}"]
    parsed = parse(text)
    problems = [f"{d.line}:{d.column} {d.code} {d.message} -- {d.help}" for d in parsed.diagnostics]
    return (None if parsed.root is None else data(parsed.root)), problems


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: [1\nb: 2", "1:4 MW003 '[' is never closed -- write ] at the end of the list"),
        ("a: {b: 1", "1:4 MW003 '{' is never closed -- write } at the end of the mapping"),
        ("a: {b: [1,\n\n", "1:8 MW003 '[' is never closed -- write ] at the end of the list"),
        (
            "f:\n  - {name: a, type: numeric\n  - {name: b}\n",
            "2:5 MW003 '{' is never closed -- write } at the end of the mapping",
        ),
        (
            "f: [\n  {name: a}\n  {name: b}\n]\n",
            "3:3 MW003 a list that is not closed here -- write a comma between its items and ] at its end",
        ),
        (
            "f: [\n{name: a}\n{name: b}\n]\n",
            "3:1 MW003 a list that is not closed here -- write a comma between its items and ] at its end",
        ),
        (
            "a: {b: 1 c: 2}\nd: 3",
            "1:11 MW003 a mapping that is not closed here -- write a comma between its fields and } at its end",
        ),
        (
            "a: [1, 2}\nd: 3",
            "1:9 MW003 a list that is not closed here -- write a comma between its items and ] at its end",
        ),
        ("a: 'x", "1:4 MW003 a quote that is never closed -- close it with the same quote"),
        ("a: 'x\nb: 1\nc: 2\n", "1:4 MW003 a quote that is never closed -- close it with the same quote"),
        ("a:\n\t- 1", "2:1 MW003 a tab -- YAML is indented with spaces"),
        (
            "a: b: c",
            "1:5 MW003 a ':' where no key can be -- put text that holds ': ' in quotes, and check the indentation",
        ),
        ("a:\n  name:churn\n  owner: x", "2:7 MW003 a key without a space after its ':' -- write key: value"),
        ("- name:churn\n  owner: x", "1:7 MW003 a key without a space after its ':' -- write key: value"),
        ("a: @x", "1:4 MW003 '@' cannot start a value -- put the value in quotes"),
        ("a: {b:}", "1:6 MW003 a ':' without a value -- write a space and a value after it"),
        ("a: [1,,2]", "1:7 MW003 a value is missing here -- write one, or remove the comma"),
        (
            'a: "\\q"',
            "1:5 MW003 an unknown escape in double quotes -- write \\\\ for a backslash, or use single quotes",
        ),
        (
            "- a\nb: 1",
            "2:1 MW003 a line that belongs to no list item -- start an item with '- ', indented like the others",
        ),
        ("a: - b", "1:4 MW003 a list item where no list can be -- put the list on the lines below its key"),
        (
            "a: 1\n...\nb: 2",
            "3:1 MW003 text after the end of the document -- indent it as part of what comes before it, or remove it",
        ),
        ("%YAML 3.0\n---\na: 1", "1:1 MW003 a YAML version that is not known here -- remove the %YAML line"),
        ("a: 1\n---\nb: 1", "2:1 MW004 a second YAML document starts here -- put each spec in a file of its own"),
        ("a: 1\na: 2", "2:1 MW006 'a' is written twice -- the first is on line 1; keep one of them"),
        ("1: x", "1:1 MW007 a key that is not text -- write it in quotes: '1'"),
        ("? [a]\n: x", "1:3 MW007 a key that is not text -- a key is the name of a field"),
        ("a: .nan", "1:4 MW009 .nan is not a finite number -- write a number, or leave the field out"),
        (
            "a: 1e999999999",
            "1:4 MW009 1e999999999 is too large or too precise a number -- "
            "write at most 40 digits, and an exponent of at most 40",
        ),
        ("a: *b", "1:4 MW010 no anchor &b comes before this -- write &b where the value is"),
        ("a: &b [*b]", "1:8 MW010 *b stands inside the value of &b -- write the value out"),
        ("<<: 1", "1:5 MW010 '<<' wants a mapping -- name an anchor of a mapping, such as <<: *shared"),
        (
            "a: !!python/object:os.system x",
            "1:4 MW011 YAML tag !!python/object:os.system -- remove the tag; the field decides what its value is",
        ),
        ("a: !!str 1", "1:4 MW011 YAML tag !!str -- remove the tag; the field decides what its value is"),
        (b"a: caf\xe9", "1:7 MW002 byte 0xe9 is not UTF-8 text -- save the file as UTF-8"),
        ("a: x\x07y", "1:5 MW002 control character U+0007 -- remove it"),
        (b"\xff\xfea", "1:1 MW002 byte 0x61 is not UTF-16 text -- save the file as UTF-8"),
    ],
)
def test_each_mistake_is_named_at_its_place_with_a_way_to_mend_it(content: str | bytes, problem: str) -> None:
    assert read(content)[1] == [problem]


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing", "---\n", "~", "null # really"])
def test_a_file_without_content_says_so(content: str) -> None:
    assert [problem.split(" -- ")[0] for problem in read(content)[1]] == ["1:1 MW005 this file says nothing"]


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("on", "or true"),
        ("No", "or false"),
        ("y", "or true"),
        ("010", "or 10"),
        ("-007", "or -7"),
        ("1_000", "or 1000"),
        ("1_0.5", "or 10.5"),
        ("0x1F", "or the number in decimal"),
        ("0o17", "or the number in decimal"),
        ("6:30", ""),
        ("1:30:00.5", ""),
        ("2013-06-01", ""),
        ("2013-06-01T10:00:00Z", ""),
    ],
)
def test_what_yaml_1_1_and_1_2_read_differently_is_refused(word: str, instead: str) -> None:
    found = read_plain(word)
    assert isinstance(found, Trap)
    assert found.message == f"YAML readers disagree on what `{word}` means"
    assert found.help == f"write '{word}', in quotes, if you mean the text" + (f", {instead}" if instead else "")


@pytest.mark.parametrize("word", ["on", "1_000", "6:30", "010", ".inf", "2013-06-01"])
def test_the_same_in_quotes_is_text(word: str) -> None:
    assert read(f"a: '{word}'") == ({"a": word}, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("one", "one"),
        ("v1.2.3", "v1.2.3"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert read(f"a: {text}") == ({"a": value}, [])


@pytest.mark.parametrize(
    "text", ["99.9", "0.1", "-5", "+3", "1e3", ".5", "5.", "99.90", "123456789012345678901234567890"]
)
def test_numbers_keep_every_digit(text: str) -> None:
    found, problems = read(f"a: {text}")
    assert isinstance(found, dict)
    assert (problems, str(found["a"])) == ([], str(Decimal(text)))


def test_aliases_and_merge_keys_are_followed() -> None:
    text = "a: &x {k: 1}\nb: *x\nc: {<<: *x, l: 2}\nd: {<<: [*x, {k: 3, m: 4}], k: 5}"
    found, problems = read(text)
    assert problems == []
    assert found == {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1, "l": 2}, "d": {"k": 5, "m": 4}}


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    (problem,) = read("\n".join(lines))[1]
    assert "MW010 aliases up to here stand for more than 100,000 values" in problem


@pytest.mark.parametrize(
    "content", ["[" * 100_000, "- " * 100_000, "{a: " * 5000, "a:\n" + "".join(" " * n + "b:\n" for n in range(1, 200))]
)
def test_deep_nesting_is_refused(content: str) -> None:
    (problem,) = read(content)[1]
    assert "MW003 nested more than 50 levels deep" in problem


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_encoding_that_yaml_allows_is_read_with_right_columns(load: Load, encoding: str) -> None:
    text = TEN_LINES.replace("owner: growth", "owner: growth, täam").encode(encoding)
    assert told(load(churn=text)) == ["5:10 MW018 'owner' cannot be 'growth, täam'"]


def test_columns_count_characters_and_not_bytes(load: Load) -> None:
    text = TEN_LINES.replace("{job: churn}", "{environment: 'prod', 'jöb': 1, job: churn}")
    assert told(load(churn=text)) == ["6:32 MW012 unknown field 'jöb'"]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_end_as_on_any_system(load: Load, end: str) -> None:
    text = (TEN_LINES + "slo: 1\n").replace("\n", end)
    assert told(load(churn=text)) == ["11:1 MW012 unknown field 'slo'"]


def test_a_refused_scalar_is_told_once(load: Load) -> None:
    text = TEN_LINES + "limits: {error_ratio: .nan, latency_p99: 1_000}\ntracing: {keep: [errors, no]}\n"
    assert [line.split(" ")[1] for line in told(load(churn=text))] == ["MW009", "MW008", "MW008"]


def test_a_shared_mistake_is_told_once_where_it_stands(load: Load) -> None:
    text = (
        TEN_LINES
        + "  - {name: x, type: numeric, drift: &d {warning: 2, critical: 1}}\n  - {name: z, type: numeric, drift: *d}\n"
    )
    assert told(load(churn=text)) == ["11:50 MW033 warning 2 is above critical 1"]
