"""A log of this test alone, and a watch that traces."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from modelwatch.model.types import Model
from modelwatch.otel import JsonHandler, Watch
from modelwatch.otel.logs import install as installing
from modelwatch.otel.logs.formatter import Policies
from modelwatch.otel.logs.outbox import flush_all
from tests.otel.lines.logged import Lines


@pytest.fixture(autouse=True)
def policies(monkeypatch: pytest.MonkeyPatch) -> Policies:
    """Those of this test alone."""
    made = Policies()
    monkeypatch.setattr(installing, "POLICIES", made)
    return made


@contextmanager
def on_root(handler: logging.Handler) -> Iterator[None]:
    """The root logger has it, and writes from INFO on."""
    root = logging.getLogger()
    before, root.level = root.level, logging.INFO
    root.manager._clear_cache()  # type: ignore[attr-defined]  # levels are remembered
    root.addHandler(handler)
    yield
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture
def out(policies: Policies) -> Iterator[io.StringIO]:
    """What is written by the handler that stands on the root logger."""
    stream = io.StringIO()
    with on_root(JsonHandler(stream, policies)):
        yield stream


@pytest.fixture
def lines(out: io.StringIO) -> Lines:
    def read() -> list[dict[str, Any]]:
        flush_all()
        return [json.loads(line) for line in out.getvalue().splitlines()]

    return read


@pytest.fixture
def traced(registry: CollectorRegistry, provider: TracerProvider) -> Callable[..., Watch]:
    def make(spec: Model) -> Watch:
        return Watch(spec, version="7", registry=registry, tracer=provider.get_tracer("service"))  # type: ignore[arg-type]  # the SDK's provider gives its Tracer

    return make
