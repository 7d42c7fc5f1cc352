"""Numbers with a check digit: payment cards (Luhn) and IBANs (ISO 13616, mod 97). Others stay readable."""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_RUN = re.compile(r"(?<![\d.])\d(?:[\s-]?\d){12,}", re.ASCII)
_GROUP = re.compile(r"\d+", re.ASCII)
_ISSUERS = re.compile(r"[3-6]\d|2[2-7]", re.ASCII)
_CARD_DIGITS = range(13, 20)
# A run of digits is looked at so far: a dump of numbers is no list of cards.
_MOST_GROUPS = 64

# Ahead, so that words behind one that are not its own are looked at as well.
_IBAN = re.compile(r"(?<![A-Za-z0-9])(?=([A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}))", re.ASCII)
# Length by country, from the registry of SWIFT.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}


def cards(text: str) -> Iterator[Span]:
    """Where digits, in groups or not, are the number of a payment card: an issuer's, with the right check digit."""
    for run in _RUN.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, *run.span())][:_MOST_GROUPS]
        first = 0
        while first < len(groups):
            last = _card_from(text, groups[first:])
            if last is not None:
                yield groups[first][0], groups[first + last][1]
                first += last
            first += 1


def _card_from(text: str, groups: list[Span]) -> int | None:
    """The last group of the longest card that begins with the first one."""
    digits, found = "", None
    for index, (start, end) in enumerate(groups):
        digits += text[start:end]
        if len(digits) >= _CARD_DIGITS.stop:
            break
        if len(digits) in _CARD_DIGITS and _ISSUERS.match(digits) and luhn(digits):
            found = index
    return found


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def ibans(text: str) -> Iterator[Span]:
    """Where an account's number is, in groups or not: of the length that its country has, with right check digits."""
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[1][:2].upper())
        ends = [at for at in range(*match.span(1)) if text[at].isalnum()]
        if length is None or len(ends) < length:
            continue
        start, end = match.start(), ends[length - 1] + 1
        compact = text[start:end].replace(" ", "").replace("-", "").upper()
        if mod97(compact) and not text[end : end + 1].isalnum():
            yield start, end


def mod97(compact: str) -> bool:
    return int("".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4])) % 97 == 1
