"""Functions of every kind inside a context manager."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import ParamSpec, TypeVar, cast

from modelwatch.otel.carry import held, held_async
from modelwatch.otel.inference import Stage
from modelwatch.otel.parts import PipelineStage

_P = ParamSpec("_P")
_R = TypeVar("_R")

Opened = Callable[[], AbstractContextManager[object] | None]
"""Opens what a call runs inside of; None for a call that runs plain."""


def decorator(opened: Opened) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """For functions, coroutine functions and generator functions of both kinds."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        if inspect.isgeneratorfunction(function):
            return cast("Callable[_P, _R]", _generator(opened, function))
        if inspect.isasyncgenfunction(function):
            return cast("Callable[_P, _R]", _async_generator(opened, function))
        if inspect.iscoroutinefunction(function):
            return cast("Callable[_P, _R]", _coroutine(opened, function))

        @functools.wraps(function)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            manager = opened()
            if manager is None:
                return function(*args, **kwargs)
            with manager:
                return function(*args, **kwargs)

        return run

    return decorate


def _coroutine(opened: Opened, call: Callable[_P, Awaitable[object]]) -> Callable[_P, Awaitable[object]]:
    @functools.wraps(call)
    async def run(*args: _P.args, **kwargs: _P.kwargs) -> object:
        manager = opened()
        if manager is None:
            return await call(*args, **kwargs)
        with manager:
            return await call(*args, **kwargs)

    return run


def _generator(
    opened: Opened, make: Callable[_P, Generator[object, object, object]]
) -> Callable[_P, Generator[object, object, object]]:
    @functools.wraps(make)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> Generator[object, object, object]:
        manager = opened()
        if manager is None:
            return (yield from make(*args, **kwargs))
        return (yield from held(lambda: make(*args, **kwargs), lambda: manager))

    return run


def _async_generator(
    opened: Opened, make: Callable[_P, AsyncGenerator[object, object]]
) -> Callable[_P, AsyncGenerator[object, object]]:
    @functools.wraps(make)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> AsyncGenerator[object, object]:
        # Asked when the first value is, as of a generator.
        return held_async(lambda: make(*args, **kwargs), lambda: opened() or nullcontext())

    return run


class Step:
    """``with`` block or decorator, each call of which is opened anew."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Stage | PipelineStage]]) -> None:
        self._opened = opened
        self._open: AbstractContextManager[Stage | PipelineStage] | None = None

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        return decorator(self._opened)(function)

    def __enter__(self) -> Stage | PipelineStage:
        if self._open is not None:
            raise RuntimeError("this step is open already: write `with watch.step(...)` for each")
        self._open = self._opened()
        return self._open.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.__exit__(kind, error, traceback)
            self._open = None
