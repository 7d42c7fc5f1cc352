"""Long PromQL over several lines, for people who read a rule file in review. Nothing but white space differs.

Broken is what the generators here write: one space around every operator, and after every comma.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 110
_INDENT = "  "
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
# What may be a place to break, and texts, in which nothing is.
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|[()\[\]{}, ]')
# Lowest first: what binds least is where an expression is broken first.
_PRECEDENCE = {
    **dict.fromkeys(("or",), 0),
    **dict.fromkeys(("and", "unless"), 1),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 2),
    **dict.fromkeys(("+", "-"), 3),
    **dict.fromkeys(("*", "/", "%", "atan2"), 4),
    "^": 5,
}
_MATCHING = ("on", "ignoring", "group_left", "group_right")


def broken(expression: str) -> str:
    """The same expression in lines of at most WIDTH characters, as far as it has places to break."""
    if len(expression) <= WIDTH:
        return expression
    return "\n".join(_Expression(expression).lines(0, len(expression), ""))


@dataclass(frozen=True, slots=True)
class _Operand:
    """``operator`` stands before it, with what says how vectors match; empty before the first."""

    operator: str
    start: int
    end: int


class _Expression:
    """Parts of ``text`` are meant by where they start and end, so that its brackets are looked for only once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._behind = _closed(text)

    def lines(self, start: int, end: int, indent: str, taken: int = 0) -> list[str]:
        """``taken`` characters of the first line are the operator's that stands before it."""
        if len(indent) + taken + end - start <= WIDTH:
            return [indent + self._text[start:end]]
        first, *others = self._operands(start, end)
        if not others:
            return self._opened(start, end, indent)
        out = self.lines(first.start, first.end, indent)
        for operand in others:
            head, *rest = self.lines(operand.start, operand.end, indent, len(operand.operator) + 1)
            out += [f"{indent}{operand.operator} {head[len(indent) :]}", *rest]
        return out

    def _operands(self, start: int, end: int) -> list[_Operand]:
        """What the operators that bind least stand between; one where there is no operator."""
        words = list(self._split(start, end, " "))
        said = [self._text[one:other] for one, other in words]
        lowest = min((_PRECEDENCE[word] for word in said if word in _PRECEDENCE), default=None)
        out: list[_Operand] = []
        operator, begin = "", 0
        for at, word in enumerate(said):
            if lowest is not None and _PRECEDENCE.get(word) == lowest:
                out.append(_Operand(operator, words[begin][0], words[at - 1][1]))
                begin = _after_matching(said, at + 1)
                operator = " ".join(said[at:begin])
        return [*out, _Operand(operator, words[begin][0], end)]

    def _opened(self, start: int, end: int, indent: str) -> list[str]:
        """The longest pair of brackets, with each of its arguments on a line, short ones together."""
        begin, behind = max(self._groups(start, end), key=lambda group: group[1] - group[0], default=(start, start))
        if behind - begin <= 2:
            return [indent + self._text[start:end]]
        body = self._listed(self._arguments(begin, behind), indent + _INDENT)
        return [f"{indent}{self._text[start : begin + 1]}", *body, f"{indent}{self._text[behind - 1 : end]}"]

    def _arguments(self, begin: int, behind: int) -> list[tuple[int, int]]:
        # A space stands behind each comma.
        return [(one + (self._text[one] == " "), other) for one, other in self._split(begin + 1, behind - 1, ",")]

    def _listed(self, arguments: Sequence[tuple[int, int]], indent: str) -> list[str]:
        """The first argument, which the others say something of, then these, short ones together."""
        whole = self._text[arguments[0][0] : arguments[-1][1]]
        if len(indent) + len(whole) <= WIDTH:
            return [indent + whole]
        out: list[str] = []
        joins = False
        for number, (one, other) in enumerate(arguments):
            comma = "," if number < len(arguments) - 1 else ""
            lines = self.lines(one, other, indent)
            lines[-1] += comma
            if joins and len(lines) == 1 and len(f"{out[-1]} {lines[0].strip()}") <= WIDTH:
                out[-1] += f" {lines[0].strip()}"
            else:
                out += lines
                # What is long has its last line for itself.
                joins = number > 0 and len(lines) == 1
        return out

    def _groups(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Parentheses that stand in no other brackets, from the opening one to behind the closing one."""
        while found := _MARKS.search(self._text, start, end):
            start = self._behind.get(found.start(), found.end())
            if found[0] == "(":
                yield found.start(), start

    def _split(self, start: int, end: int, mark: str) -> Iterator[tuple[int, int]]:
        """Between the marks that stand in no brackets and no text."""
        at = start
        while found := _MARKS.search(self._text, at, end):
            at = self._behind.get(found.start(), found.end())
            if found[0] == mark:
                yield start, found.start()
                start = at
        yield start, end


def _closed(text: str) -> dict[int, int]:
    """Behind which place the brackets end that begin at another."""
    open_, out = list[int](), dict[int, int]()
    for found in _MARKS.finditer(text):
        if found[0] in _OPENING:
            open_.append(found.start())
        elif found[0] in _CLOSING and open_:
            out[open_.pop()] = found.end()
    return out


def _after_matching(words: Sequence[str], at: int) -> int:
    """Behind ``bool``, ``on (...)`` and ``group_left (...)`` from ``at`` on."""
    if words[at] == "bool":
        at += 1
    while at + 2 < len(words) and words[at] in _MATCHING and words[at + 1].startswith("("):
        at += 2
    return at
