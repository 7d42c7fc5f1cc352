"""What is told of an exception: its type and stack, and those of what caused it; never a message."""

from __future__ import annotations

import traceback

from opentelemetry.sdk.trace import Event

_FRAMES = 30
_CAUSES = 5


def exception_event(error: BaseException) -> Event:
    """The error's type and stack. Its message stays out: it often quotes the input, and features are private."""
    return Event("exception", exception_attributes(error))


def exception_attributes(error: BaseException) -> dict[str, str]:
    """As `exception_event` has them."""
    stacks = [_frames(error)]
    # What it came of: the type is all that a reader gets besides the frames.
    seen, cause = {id(error)}, _cause(error)
    while cause is not None and id(cause) not in seen and len(stacks) < _CAUSES:
        stacks.append(f"caused by {type(cause).__qualname__}\n{_frames(cause)}")
        seen.add(id(cause))
        cause = _cause(cause)
    return {"exception.type": type(error).__qualname__, "exception.stacktrace": "".join(stacks)}


def _frames(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__, limit=-_FRAMES))


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)
