"""What a plain scalar means.

YAML 1.2's core rules, with numbers as exact Decimals. Whatever YAML 1.1 reads differently (``no``, ``1_000``, ``010``,
``6:30``) is refused, so that a spec means the same to every program that reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from modelwatch.model import codes

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_BOOLEAN_1_1 = re.compile(r"(?:y|n|yes|no|on|off)\Z", re.IGNORECASE)
_TRUE_1_1 = frozenset(("y", "yes", "on"))
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+\Z")
_UNDERSCORE = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?\Z")
_BASE = re.compile(r"[-+]?0[xob][0-9a-fA-F_]+\Z")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9:.]+\s*(?:Z|[-+][0-9:]+)?)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)\Z", re.IGNORECASE)
# No threshold, range or count has more digits or a larger magnitude; Decimals far beyond it take minutes to print.
_MAX_DIGITS = 40
_MAX_EXPONENT = 40

Value = str | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Trap:
    """A scalar that cannot be used: the code and the words of its diagnostic."""

    code: str
    message: str
    help: str


def _instead(text: str) -> str | None:
    """What to write instead where YAML 1.1 and 1.2 disagree: "" where only text can be meant; None where they agree."""
    if _BOOLEAN_1_1.match(text):
        return "true" if text.lower() in _TRUE_1_1 else "false"
    if _LEADING_ZERO.match(text):
        sign = "-" if text[0] == "-" else ""
        return sign + (text.replace("_", "").lstrip("+-0") or "0")
    if "_" in text and _UNDERSCORE.match(text):
        return text.replace("_", "")
    if _BASE.match(text):
        return "the number in decimal"
    return "" if _SEXAGESIMAL.match(text) or _DATE.match(text) else None


def read_plain(text: str) -> Value | Trap:
    """The value of an unquoted scalar, or why it has none."""
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    instead = _instead(text)
    if instead is not None:
        help = f"write '{text}', in quotes, if you mean the text" + (f", or {instead}" if instead else "")
        return Trap(codes.AMBIGUOUS, f"YAML readers disagree on what `{text}` means", help)
    if _NOT_FINITE.match(text):
        return Trap(codes.NUMBER, f"{text} is not a finite number", "write a number, or leave the field out")
    return _number(text) if _NUMBER.match(text) else text


def _number(text: str) -> Decimal | Trap:
    too_large = Trap(
        codes.NUMBER,
        f"{text if len(text) <= _MAX_DIGITS else text[: _MAX_DIGITS - 3] + '...'} is too large or too precise a number",
        f"write at most {_MAX_DIGITS} digits, and an exponent of at most {_MAX_EXPONENT}",
    )
    if sum(character.isdigit() for character in text) > _MAX_DIGITS:
        return too_large
    try:
        value = Decimal(text)
    except InvalidOperation:
        # An exponent that Decimal itself cannot hold.
        return too_large
    return too_large if value and abs(value.adjusted()) > _MAX_EXPONENT else value
