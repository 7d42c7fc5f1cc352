"""Contexts that go where the work goes: into threads and executors, and into generators only while they run.

OpenTelemetry's context and the open stage are context variables. A thread pool runs calls in its own threads, which
have none of them; a generator runs in the context of whoever asks for its next value, and leaves there what it sets.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager
from contextvars import Context, copy_context
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Y = TypeVar("_Y")
_S = TypeVar("_S")


def carried(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """``function`` as part of what is open here and now, wherever and however often it is called.

    ``executor.map(carried(score), rows)``, ``Thread(target=carried(work))``.
    """
    here = copy_context()

    @functools.wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        return here.copy().run(function, *args, **kwargs)  # a copy: one context cannot be entered by two threads

    return run


def submit(executor: Executor, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
    """``executor.submit`` whose stages and spans belong to what is open here. Raises TypeError for processes."""
    _same_process(executor)
    return executor.submit(carried(function), *args, **kwargs)


def run_in_executor(
    executor: Executor | None, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> Awaitable[_R]:
    """``loop.run_in_executor`` whose stages and spans belong to what is open here; None is the loop's own executor.

    Raises TypeError for processes.
    """
    _same_process(executor)
    call = functools.partial(carried(function), *args, **kwargs)
    return asyncio.get_running_loop().run_in_executor(executor, call)


def _same_process(executor: Executor | None) -> None:
    if isinstance(executor, ProcessPoolExecutor):
        raise TypeError(
            "a context cannot go to another process: pass inference.headers() to the function "
            "and open `with watch.inference(headers=...)` there"
        )


def held(
    make: Callable[[], Generator[_Y, _S, _R]], opened: Callable[[], AbstractContextManager[object]]
) -> Generator[_Y, _S, _R]:
    """What ``make`` gives, inside ``opened`` from its first value to its end, which is attached only while it runs."""
    inside = copy_context()
    with _Inside(inside, opened()):
        return (yield from _drive(inside, inside.run(make)))


async def held_async(
    make: Callable[[], AsyncGenerator[_Y, _S]], opened: Callable[[], AbstractContextManager[object]]
) -> AsyncGenerator[_Y, _S]:
    """As `held`, for an asynchronous generator."""
    inside = copy_context()
    with _Inside(inside, opened()):
        chunks = make()
        try:
            item = await _Step(inside, chunks.__anext__())
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    await _Step(inside, chunks.aclose())
                    raise
                except BaseException as error:
                    item = await _Step(inside, chunks.athrow(error))
                else:
                    item = await _Step(inside, chunks.asend(sent))
        except StopAsyncIteration:
            return


def generated(chunks: Iterable[_Y]) -> Generator[_Y, None, None]:
    """Any iterable as a generator; one already is its own."""
    return chunks if isinstance(chunks, Generator) else (chunk for chunk in chunks)


def generated_async(chunks: AsyncIterable[_Y]) -> AsyncGenerator[_Y, None]:
    """Any asynchronous iterable as a generator; one already is its own."""
    return chunks if isinstance(chunks, AsyncGenerator) else (chunk async for chunk in chunks)


class _Inside:
    """A context manager that is entered and left in a context of its own."""

    def __init__(self, inside: Context, manager: AbstractContextManager[object]) -> None:
        self._inside, self._manager = inside, manager

    def __enter__(self) -> None:
        self._inside.run(self._manager.__enter__)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._inside.run(self._manager.__exit__, kind, error, traceback)


class _Step(Awaitable[_R]):
    """An awaitable whose every step runs in a context."""

    def __init__(self, inside: Context, awaitable: Awaitable[_R]) -> None:
        self._inside, self._awaitable = inside, awaitable

    def __await__(self) -> Generator[Any, Any, _R]:
        return _drive(self._inside, self._inside.run(self._awaitable.__await__))


def _drive(inside: Context, steps: Generator[_Y, _S, _R]) -> Generator[_Y, _S, _R]:
    """`yield from steps`, each step in a context."""
    try:
        out = inside.run(next, steps)
        while True:
            try:
                sent = yield out
            except GeneratorExit:
                inside.run(steps.close)
                raise
            except BaseException as error:
                out = inside.run(steps.throw, error)
            else:
                out = inside.run(steps.send, sent)
    except StopIteration as stop:
        result: _R = stop.value
        return result
