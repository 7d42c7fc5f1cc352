"""What may be written to a log: allowed fields, without what looks private. It fails closed, and never raises.

Names of people in free text look like any other words: no pattern finds them. They are not written where they stand in
a field, in braces within a text, or behind what usually names them.
"""

from __future__ import annotations

import datetime
import decimal
import json
import math
import pathlib
import re
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelwatch.otel.logs import named, numbers
from modelwatch.otel.logs.folding import fold
from modelwatch.telemetry.private import BASIC, CARD, CONVENTIONS, EMAIL, IBANS, MASK, PATTERNS, SECRET

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
Span = tuple[int, int]

# A text is written so far. What is private may reach over that end, so a little more is looked at.
TEXT_LIMIT = 8192
_AHEAD = 1024
_CUT = "..."
_DEPTH = 6
_ITEMS = 256
_LABELS = 256

# Ids and times that digits of which could be taken for a number of somebody.
_IDENTIFIERS = re.compile(
    r"(?<![\w-])(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?)(?![\w-])",
    re.ASCII,
)
_DIGITS = re.compile(r"\d[\s().-]{0,3}\d", re.ASCII)
_PLAIN_WORD = re.compile(r"[A-Za-z]?[a-z.-]*", re.ASCII)
# As in telemetry/private.py, but begun at the beginning of a word only: else a long word costs its length squared.
_EMAIL = re.compile(r"(?<![^\s@<>\"'(),;:/?&=])" + PATTERNS[EMAIL], re.ASCII)
_BASIC = re.compile(PATTERNS[BASIC], re.ASCII)


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds what is private; asked only about texts with one of ``needs`` in them. ``digits``: a number of somebody."""

    needs: tuple[str, ...]
    find: Callable[[str], Iterable[Span]]
    digits: bool = False


def _spans(pattern: re.Pattern[str]) -> Callable[[str], Iterable[Span]]:
    return lambda text: (match.span() for match in pattern.finditer(text))


def _without_lead(pattern: re.Pattern[str]) -> Callable[[str], Iterable[Span]]:
    """Without the character before that the pattern looks at."""

    def find(text: str) -> Iterable[Span]:
        for match in pattern.finditer(text):
            start, end = match.span()
            yield (start if text[start] in "+0(" or text[start].isdigit() else start + 1), end

    return find


def _basic(text: str) -> Iterable[Span]:
    """Credentials, and no sentence about basic features."""
    for match in _BASIC.finditer(text):
        if match[1].lower() == "bearer" or not _PLAIN_WORD.fullmatch(match[0].split(None, 1)[1]):
            yield match.span()


def _finders() -> list[_Finder]:
    own = {BASIC, CARD, EMAIL, SECRET, *IBANS}
    found = [
        _Finder(("@",), _spans(_EMAIL)),
        _Finder(("asic", "earer", "ASIC", "EARER"), _basic),
        _Finder(("",), numbers.cards, digits=True),
        _Finder(("",), numbers.ibans, digits=True),
    ]
    for name, pattern in PATTERNS.items():
        if name not in own:
            compiled = re.compile(pattern, re.ASCII)
            phone = name.startswith("phone")
            needs = {"private key": ("-----BEGIN",), "url": ("://",), "json web token": ("eyJ",)}.get(name, ("",))
            found.append(_Finder(needs, (_without_lead if phone else _spans)(compiled), digits=phone))
    return found


_FINDERS = _finders()


class Redactor:
    """``allow`` are fields that are written; values of ``redact`` are masked in texts, beside secrets and the like."""

    def __init__(self, allow: Collection[str] = (), redact: Collection[str] = ()) -> None:
        self.allowed = frozenset(allow) | frozenset(CONVENTIONS)
        self._named = named.Fields(redact)
        self._labels: dict[str, str] = {}

    def fields(self, found: Mapping[str, object]) -> tuple[dict[str, Json], int]:
        """Those that are allowed, and how many are not."""
        budget = _Budget()
        kept = {name: self._value(value, 1, budget) for name, value in found.items() if name in self.allowed}
        return kept, len(found) - len(kept)

    def value(self, value: object) -> Json:
        """A value that was allowed by its name, or needs none."""
        return self._value(value, 0, _Budget())

    def text(self, text: str) -> str:
        """With what is private masked, and cut where it is very long. Texts that are JSON are judged as such."""
        return self._text(text, 0, _Budget())

    def label(self, name: str) -> str:
        """As `text`, for names that come again and again: of loggers, stages and errors."""
        found = self._labels.get(name)
        if found is None:
            found = self.text(name)
            if len(self._labels) < _LABELS:
                self._labels[name] = found
        return found

    def _value(self, value: Any, depth: int, budget: _Budget) -> Json:
        try:
            return self._shown(value, depth, budget)
        except Exception:  # objects of the service may raise anything when they are read
            return type(value).__name__

    def _shown(self, value: Any, depth: int, budget: _Budget) -> Json:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(str.__str__(value), depth, budget)
        if isinstance(value, int | float) and type(value).__module__ != "numpy":
            return self._number(int(value) if isinstance(value, int) else float(value))
        if isinstance(value, dict | list | tuple | set | frozenset | deque):
            return self._container(value, depth, budget)
        return self._foreign(value, depth, budget)

    def _number(self, value: float) -> Json:
        shown = str(value)
        if self._private(shown):
            return MASK
        return value if json_number(value) else shown

    def _foreign(self, value: Any, depth: int, budget: _Budget) -> Json:
        if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0 and depth <= _DEPTH:
            return self._value(value.item(), depth + 1, budget)
        if isinstance(value, datetime.date | datetime.time):
            return self._text(value.isoformat(), depth, budget)
        if isinstance(value, decimal.Decimal | uuid.UUID | pathlib.PurePath):
            return self._text(str(value), depth, budget)
        return type(value).__name__

    def _container(self, value: Any, depth: int, budget: _Budget) -> Json:
        if depth > _DEPTH or budget.left <= 0:
            return type(value).__name__
        if isinstance(value, dict):
            kept: dict[str, Json] = {}
            for name, item in dict.items(value):
                if not isinstance(name, str | int) or str(name) not in self.allowed:
                    continue
                if not budget.take():
                    break
                kept[str(name)] = self._value(item, depth + 1, budget)
            return kept
        items: list[Json] = []
        for item in value:
            if not budget.take():
                break
            items.append(self._value(item, depth + 1, budget))
        return items

    def _text(self, text: str, depth: int, budget: _Budget) -> str:
        if text[:64].lstrip()[:1] in ("{", "[") and len(text) <= TEXT_LIMIT and depth <= _DEPTH:
            text = self._document(text, depth, budget)
        window = text[: TEXT_LIMIT + _AHEAD]
        out, end = [], 0
        limit = len(text) if len(text) <= TEXT_LIMIT else TEXT_LIMIT
        for start, stop in self._private(window):
            if start >= limit:
                break
            out += [window[end:start], MASK]
            end = stop
        out.append(window[end:limit])
        if limit < len(text):
            out.append(_CUT)
        return "".join(out)

    def _document(self, text: str, depth: int, budget: _Budget) -> str:
        """Of a text that is JSON, what a structure of it may show."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return text
        shown = self._value(found, depth + 1, budget)
        return text if shown == found else json.dumps(shown, ensure_ascii=False)

    def _private(self, text: str) -> list[Span]:
        """Where it is, from front to back and apart from one another."""
        folded = fold(text)
        plain = folded.text
        spans: list[Span] = []
        has_digits = _DIGITS.search(plain) is not None
        shields: list[Span] | None = None
        for finder in _FINDERS:
            if (finder.digits and not has_digits) or not any(needed in plain for needed in finder.needs):
                continue
            for span in finder.find(plain):
                if finder.digits:
                    if shields is None:
                        shields = [match.span() for match in _IDENTIFIERS.finditer(plain)]
                    if any(start <= span[0] and span[1] <= end for start, end in shields):
                        continue
                spans.append(span)
        if ":" in plain or "=" in plain:
            spans += self._named.find(plain)
            spans += named.structured(plain, self.allowed)
        return [folded.original(start, end) for start, end in _apart(spans)]


class _Budget:
    """So many items of all containers together are shown."""

    def __init__(self) -> None:
        self.left = _ITEMS

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0


def json_number(value: float) -> bool:
    """Whether JSON can write it: no NaN, nothing infinite, and no integer that readers would round."""
    return abs(value) < 1 << 63 if isinstance(value, int) else math.isfinite(value)


def _apart(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
