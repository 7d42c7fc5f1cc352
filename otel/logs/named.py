"""Values in a text whose name stands before them: ``passenger_email=...``, ``"name": "..."``, ``Sold(name='...')``.

A text that holds a structure is judged as the structure would be: a field keeps its value only if it is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from modelwatch.telemetry.private import PATTERNS, SECRET

Span = tuple[int, int]

# Fields that tell who somebody is, as they are called everywhere.
_PERSONAL = (
    r"(?:first|last|middle|full|sur|given|family|maiden|passenger|customer|client|patient|employee|guest|holder"
    r"|contact|user|display)[_ .-]?name",
    r"e-?mail(?:[_ -]?address)?",
    r"(?:tele|mobile[_ -]?)?phone(?:[_ -]?(?:no|number))?",
    r"(?:street|home|postal)[_ -]?address",
    r"birth[_ -]?(?:date|day)|date[_ -]?of[_ -]?birth|dob",
    r"ssn|iban|cvv|cvc|(?:passport|card)[_ -]?(?:no|number)",
)
_SECRET = (
    r"passw(?:or)?d|pwd|passphrase|secret|token|credentials?|(?:api|access|account|private|secret)[_-]?key"
    r"|session[_-]?id|amz-signature",
)
# passenger_email, passenger-email and passengerEmail are one name.
_BETWEEN = re.compile(r"[_ .-]+|(?<=[a-z])(?=[A-Z])")
# Where a key may begin: filename is not of a name, while file_name and fileName are, as far as anybody can tell. A
# letter before may also be the end of an escape or of a terminal's colour; and capitals alone tell no words apart.
_BEGINS = r"(?:(?<![A-Za-z])|(?-i:(?![a-z]))|(?<=\\[abfnrtv])|(?<=\\x[\dA-Fa-f]{2})|(?<=%[\dA-Fa-f]{2})|(?<=[\d;\[]m))"
_HINTS = (
    *("name", "mail", "phone", "address", "birth", "dob", "ssn", "iban", "cvv", "cvc", "passport", "card"),
    *("pass", "pwd", "secret", "token", "credential", "key", "session", "authorization", "cookie"),
)
_SHARED = re.compile(PATTERNS[SECRET], re.ASCII)
# A text in quotes, which may be escaped ones, or words up to what ends a field or names the next one.
_QUOTED = r"(?P<quote>\\*[\"']).{0,2048}?(?:(?P=quote)|\Z)"
_WORDS = r"[^\s,;&|)}\]\"']+(?:[ \t](?![\w.-]{1,64}[\"']?[=:])[^\s,;&|)}\]]+){0,16}"
# Headers whose value goes on to the end of the line.
_HEADER = re.compile(
    rf"\b(?:set-cookie|cookie|(?:proxy-)?authorization)\\*[\"']?\s{{0,16}}[:=]\s{{0,16}}(?:{_QUOTED}|[^\n\"']*)",
    re.I | re.S,
)
_OPENED = re.compile(r"[{,]\s{0,16}(?P<key>(?P<quote>\\*[\"'])(?P<name>.{0,128}?)(?P=quote))\s{0,16}:\s{0,16}", re.S)
_ARGUMENT = re.compile(r"[(,]\s{0,4}(?P<key>(?P<name>[A-Za-z_]\w{0,63}))=(?=[\"'])", re.ASCII)
_QUOTE = re.compile(r"\\*[\"']")
_PLAIN_END = re.compile(r"[,}\]\n]|\Z")
_BRACKETS = {"[": 1, "]": -1}


class Fields:
    """Finds the values of ``names``, of secrets and of personal fields, with their names."""

    def __init__(self, names: Collection[str]) -> None:
        parts = [[part for part in _BETWEEN.split(name) if part] for name in names]
        spelt = sorted((r"[_ .-]?".join(map(re.escape, found)) for found in parts if found), key=len, reverse=True)
        called = "|".join([*(_BEGINS + one for one in spelt), *_PERSONAL, *_SECRET])
        value = rf"\\*[\"']?\s{{0,16}}[:=]\s{{0,16}}(?:{_QUOTED}|{_WORDS})"
        self._pattern = re.compile(rf"(?:{called})\w{{0,16}}{value}", re.I | re.S)
        # Most texts have none of these, which is told far sooner.
        self._hints = (*_HINTS, *(found[0].lower() for found in parts if found))

    def find(self, text: str) -> Iterator[Span]:
        lower = text.lower()
        if any(hint in lower for hint in self._hints):
            for pattern in (self._pattern, _SHARED, _HEADER):
                yield from (match.span() for match in pattern.finditer(text))


def structured(text: str, allowed: Collection[str]) -> Iterator[Span]:
    """Fields within braces or arguments that are not allowed; of one that holds a structure, its name."""
    for pattern, needed in ((_OPENED, ":"), (_ARGUMENT, "=")):
        done = 0  # what lies in a value that is masked is not looked at again
        for match in pattern.finditer(text) if needed in text else ():
            start = match.start("key")
            if start >= done and match["name"] not in allowed:
                done = _value_end(text, match.end(), match.end("key"))
                yield start, done


def _value_end(text: str, at: int, key_end: int) -> int:
    """Where the value that begins at ``at`` ends; a mapping, or a list of such, is left to the names within it."""
    quote = _QUOTE.match(text, at)
    if quote is not None:
        end = _closing(text, quote[0], quote.end())
        return len(text) if end < 0 else end
    if text.startswith("{", at):
        return key_end
    if text.startswith(("[", "("), at):
        end = _list_end(text, at)
        return key_end if "{" in text[at:end] else end
    found = _PLAIN_END.search(text, at)
    return found.start() if found else len(text)


def _closing(text: str, quote: str, at: int) -> int:
    while True:
        found = text.find(quote, at)
        if found < 0:
            return -1
        # One more backslash before it, and it is a quote within the text.
        if len(quote) > 1 or text[found - 1] != "\\":
            return found + len(quote)
        at = found + 1


def _list_end(text: str, at: int) -> int:
    depth = 0
    for place in range(at, len(text)):
        depth += _BRACKETS.get(text[place].replace("(", "[").replace(")", "]"), 0)
        if depth == 0:
            return place + 1
    return len(text)
