"""Private data of every kind, put wherever telemetry has room for it: none of it comes out of the real Collector."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwatch.model.types import Fleet
from modelwatch.telemetry import spans as s
from tests.collector.telemetry import samples, spans, written

pytestmark = pytest.mark.real("otelcol-modelwatch")
CORPUS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("private.yaml").read_text("utf-8"))
PATTERNED = [text for kind, texts in CORPUS.items() if kind != "names" for text in texts]
EVERYTHING = [*PATTERNED, *CORPUS["names"]]
OWN, THEIRS = "modelwatch", "flights.api"
Json = dict[str, Any]


def of(value: Any) -> Json:
    """A value as OTLP writes it in JSON."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [of(item) for item in value]}}
    return {"stringValue": value}


def pairs(values: Json) -> list[Json]:
    return [{"key": key, "value": of(value)} for key, value in values.items()]


def anywhere(private: str, *, is_name: bool) -> Json:
    """Attributes with it in keys, values, lists and maps; a name under allowed keys no pattern could tell."""
    found: Json = {
        private: "x",
        f"passenger.{private}": "x",
        "passenger": private,
        "nested": {"deep": [{"deeper": private, private: "x"}]},
        "note": f"seat 12A of {private}, window",
        "exception.message": f"no seat for {private}",
    }
    if not is_name:
        found[s.OUTCOME.key] = private
        found[s.MODEL_VERSION.key] = f"asked by {private} today"
        found[s.ERROR_TYPE.key] = [private, {"of": private, private: "x"}]
    return found


def traces(scope: str) -> Json:
    made = []
    for number, private in enumerate(EVERYTHING, 1):
        attributes = pairs(anywhere(private, is_name=private in CORPUS["names"]))
        # Our own helpers name spans by the spec; anybody else may write a sentence.
        name = "inference x" if scope == OWN else f"ticket of {private} sold"
        made.append(
            {
                "traceId": f"{number:032x}",
                "spanId": f"{number:016x}",
                "name": name,
                "traceState": f"vendor={number}" if not private.isascii() else "vendor=passenger-ada",
                "startTimeUnixNano": "1700000000000000000",
                "endTimeUnixNano": "1700000000020000000",
                "status": {"code": 2, "message": f"no seat for {private}"},
                "attributes": [*attributes, *pairs({s.MODEL_NAME.key: "flight-delay"})],
                "events": [
                    {"timeUnixNano": "1700000000010000000", "name": f"sold to {private}", "attributes": attributes},
                    {"timeUnixNano": "1700000000010000000", "name": "exception", "attributes": attributes},
                ],
            }
        )
    scope_of = {"name": scope, "attributes": pairs({"owner": "Ada Lovelace"})}
    resource = {"attributes": pairs({"service.name": "flights", "owner": "Ada Lovelace", "list": EVERYTHING})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope_of, "spans": made}]}]}


def logs(scope: str) -> Json:
    made = []
    for private in EVERYTHING:
        is_name = private in CORPUS["names"]
        attributes = pairs(anywhere(private, is_name=is_name))
        bodies: list[Any] = [{"passenger": private, private: "x"}, [{"passenger": private}]]
        # Our own helpers write no names; anybody else may write anything.
        if scope != OWN or not is_name:
            bodies += [
                private,
                f"sold to {private}, window",
                json.dumps({"to": private}, ensure_ascii=False),
                [private],
            ]
        made += [
            {
                "timeUnixNano": "1700000000000000000",
                "severityText": f"for {private}",
                "eventName": f"sold to {private}",
                "body": of(body),
                "attributes": attributes,
            }
            for body in bodies
        ]
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {"name": scope}, "logRecords": made}]}]}


def send(fleet: Fleet, signal: str, body: Json) -> None:
    request = urllib.request.Request(
        f"http://{fleet.addresses.internal['otlp_http']}/v1/{signal}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def texts(value: Any) -> Iterator[str]:
    """Every string in what was written, keys included."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


# Words that are private by themselves and not only in their place; of tokens, every long one is.
_SECRET = {"Lovelace", "lovelace", "Søren", "Kierkegaard", "jörg", "müller", "太郎"}
SECRET_WORDS = _SECRET | {word for token in CORPUS["tokens"] for word in re.findall(r"\w{12,}", token)}


def traces_of_it(private: str, found: str) -> list[str]:
    """What of a private text is left: all of it, its digits under any punctuation, or the word that is the secret."""
    left = [private] if private.casefold() in found.casefold() else []
    digits = re.sub(r"\D", "", private)
    squeezed = re.sub(r"[\s()./+-]", "", found)
    if len(digits) >= 9 and digits in squeezed:
        left.append(digits)
    return left + [word for word in SECRET_WORDS if word in private and word in found]


@pytest.mark.parametrize("scope", [OWN, THEIRS])
def test_nothing_private_is_left_in_traces_logs_or_metrics(
    collector: Any, moved: Fleet, tmp_path: Path, page: Any, waiting: Any, scope: str
) -> None:
    """From our own helpers, and from any other instrumentation of the service."""
    models = tuple(replace(model, tracing=replace(model.tracing, sample=Decimal(1))) for model in moved.models)
    running = collector(replace(moved, models=models))
    send(moved, "traces", traces(scope))
    send(moved, "logs", logs(scope))
    state = tmp_path / "state"
    waiting(lambda: len(spans(state)) == len(EVERYTHING), "all spans")
    metrics = waiting(
        lambda: (
            (text := page(f"http://{moved.addresses.internal['span_metrics']}/metrics"))
            and samples(text, "traces_span_metrics_calls_total")
            and text
        ),
        "span metrics",
    )
    log = running.stop()
    records = written(state, "logs.jsonl")
    assert sum(len(m["resourceLogs"][0]["scopeLogs"][0]["logRecords"]) for m in records) > 2 * len(EVERYTHING)
    for where in ("\n".join(texts(written(state))), "\n".join(texts(records)), metrics, log):
        left = {private: found for private in EVERYTHING if (found := traces_of_it(private, where))}
        assert left == {}
        assert "passenger" not in where


def test_the_search_finds_what_is_left_of_each_private_text() -> None:
    """Whole, and with other punctuation: a search that finds nothing would prove nothing."""
    for private in EVERYTHING:
        assert traces_of_it(private, f"x {private} y")
    assert traces_of_it("4111 1111 1111 1111", "card 4111-1111-1111-1111")
    assert traces_of_it("Ada Lovelace", "Mrs Lovelace")


@pytest.mark.parametrize("card", CORPUS["cards"])
def test_cards_of_the_corpus_have_a_right_check_digit(card: str) -> None:
    digits = [int(digit) for digit in reversed(re.sub(r"\D", "", card))]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits)]
    assert sum(doubled) % 10 == 0


@pytest.mark.parametrize("iban", CORPUS["ibans"])
def test_ibans_of_the_corpus_have_right_check_digits(iban: str) -> None:
    compact = iban.replace(" ", "").upper()
    assert int("".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4])) % 97 == 1
