"""Text as a person reads it: what looks like a digit or an at-sign is one, and what nobody sees is not there.

Patterns look at the folded text; what they find is masked in the text itself, so that all else stays as it was.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

# Escapes that JSON and URLs write characters as.
_ROUNDS = 3
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|%([2-7][0-9a-fA-F])", re.ASCII)
# Not seen: format characters, and marks on the character before.
_UNSEEN = frozenset({"Cf", "Mn", "Me"})
_AS = {"Pd": "-", "Zs": " ", "Zl": "\n", "Zp": "\n"}
_ALIKE = {"\u3002": ".", "\uff61": ".", "\u2044": "/", "\u2215": "/", "\u2212": "-"}


class Folded(NamedTuple):
    """``places[i]`` is where character i of ``text`` begins in the text it was made of; None where they are one."""

    text: str
    places: list[int] | None

    def original(self, start: int, end: int) -> tuple[int, int]:
        return (start, end) if self.places is None else (self.places[start], self.places[end])


def fold(text: str) -> Folded:
    folded = Folded(text, None)
    # An escape may be written in characters that only look like one.
    for _ in range(_ROUNDS):
        again = _once(folded)
        if again.text == folded.text:
            break
        folded = again
    return folded


def _once(folded: Folded) -> Folded:
    text, before = folded
    if text.isascii() and "%" not in text and "\\u" not in text:
        return folded
    out: list[str] = []
    places: list[int] = []
    at = 0
    while at < len(text):
        escape = _ESCAPED.match(text, at) if text[at] in "\\%" else None
        seen = _seen(chr(int(escape[1] or escape[2], 16)) if escape else text[at])
        out.append(seen)
        places.extend([at if before is None else before[at]] * len(seen))
        at = escape.end() if escape else at + 1
    places.append(len(text) if before is None else before[-1])
    return Folded("".join(out), places)


@lru_cache(maxsize=4096)
def _seen(character: str) -> str:
    if character.isascii():
        return character
    alike = _ALIKE.get(character)
    if alike is not None:
        return alike
    category = unicodedata.category(character)
    if category in _UNSEEN:
        return ""
    if category in _AS:
        return _AS[category]
    if category == "Nd":
        return str(unicodedata.digit(character))
    return "".join(_ALIKE.get(part, part) for part in unicodedata.normalize("NFKC", character))
