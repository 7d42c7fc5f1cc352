"""Fixtures of the tailer's tests."""

from __future__ import annotations

import os

import pytest

from .tailed import Book, Turned


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine stops here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def clock() -> Turned:
    return Turned()
