"""Predictions that wait for their labels."""

from __future__ import annotations

import pytest

from demo.ledger import Ledger


def test_the_oldest_prediction_makes_room() -> None:
    ledger = Ledger(capacity=2)
    for key in ("a", "b", "c"):
        ledger.answered(key, "late")
    assert ledger.labelled("a", "late") is None
    assert ledger.labelled("c", "late") == "late"
    tally = ledger.tally()
    assert (tally.predictions, tally.labelled, tally.unknown) == (3, 1, 1)


def test_a_flight_that_is_asked_again_counts_with_its_last_answer() -> None:
    ledger = Ledger(capacity=2)
    ledger.answered("a", "late")
    ledger.answered("b", "late")
    ledger.answered("a", "on_time")
    ledger.answered("c", "late")
    assert ledger.labelled("b", "late") is None
    assert ledger.labelled("a", "late") == "on_time"


def test_recent_is_the_share_that_was_right_or_the_mean_error() -> None:
    ledger = Ledger()
    assert ledger.tally().recent is None
    for key, actual in (("a", "late"), ("b", "late"), ("c", "on_time"), ("d", "late")):
        ledger.answered(key, "late")
        ledger.labelled(key, actual)
    assert ledger.tally().recent == 0.75
    minutes = Ledger()
    for key, took in (("a", 90.0), ("b", 104.0)):
        minutes.answered(key, 100.0)
        minutes.labelled(key, took)
    assert minutes.tally().recent == pytest.approx(7)


def test_an_answer_without_an_id_waits_for_no_label() -> None:
    ledger = Ledger()
    ledger.answered(None, "late")
    assert ledger.tally().predictions == 1
