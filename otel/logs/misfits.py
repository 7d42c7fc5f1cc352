"""Log calls whose arguments do not fit their text, as ``info("%d late", "x")``: the line is written all the same."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from modelwatch.otel.logs.redaction import Redactor

MISFIT = " (the arguments of this log call do not fit its text)"
# A place for an argument, as the operator % reads it.
_PLACE = re.compile(r"%(?:\((.*?)\))?[#0 +-]*(?:\*|\d+)?(?:\.(?:\*|\d+))?[hlL]?([diouxXeEfFgGcrsa%])")


def misfit(message: str, given: Any, redactor: Redactor) -> str:
    """The message as it is, with each argument behind its place: ``%d<x> late``.

    ``given`` is what may be shown of the arguments. Where they make something private of the text, it is told without
    its places, since patterns and keys find that in what the call was meant to say.
    """
    said = _filled(message, given, "{1}")
    shown = redactor.text(said)
    return redactor.text(_filled(message, given, "{0}<{1}>")) if shown == said else shown


def fits(message: str, args: Any) -> bool:
    """Whether the call was right; then it is what may be shown of an argument that does not fit its place."""
    try:
        message % args
    except Exception:  # objects of the service may raise anything when they are formatted
        return False
    return True


def _filled(message: str, given: Any, each: str) -> str:
    """Arguments without a place stand at the end."""
    if isinstance(given, Mapping):
        return _PLACE.sub(lambda at: each.format(at[0], given[at[1]]) if at[1] in given else at[0], message)
    left = deque([given] if isinstance(given, str) else given)
    text = _PLACE.sub(lambda at: each.format(at[0], left.popleft()) if left and at[2] != "%" else at[0], message)
    return " ".join([text, *(each.format("", value) for value in left)])
