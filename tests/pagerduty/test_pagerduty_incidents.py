"""The state machine: what PagerDuty does with accepted events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.compose.pagerduty import incidents
from modelwatch.compose.pagerduty.incidents import Board, NoSuchIncidentError, NotOpenError
from modelwatch.compose.pagerduty.records import ByHand, Content, Problem, Received, Refused

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def received(action: Any, dedup_key: str = "d", *, key: str = "k", minutes: float = 0, **content: Any) -> Received:
    at = NOON + timedelta(minutes=minutes)
    fields = {"summary": "down", "severity": "critical", **content}
    return Received(at, action, f"{key}/{dedup_key}", f"…{key}", dedup_key, "Alertmanager/0.31", Content(**fields))


def apply(board: Board, *events: Received) -> list[str]:
    return [board.apply(event) for event in events]


def test_a_trigger_opens_an_incident() -> None:
    board = Board()
    assert apply(board, received("trigger")) == ["opened"]
    (incident,) = board.incidents()
    assert (incident.number, incident.status, incident.opened_at) == (1, "triggered", NOON)


def test_a_second_trigger_is_appended_to_the_open_incident() -> None:
    board = Board()
    apply(board, received("trigger"), received("trigger", minutes=5, summary="down, 2 alerts", severity="error"))
    (incident,) = board.incidents()
    assert [entry.outcome for entry in incident.timeline] == ["opened", "appended"]
    assert incident.triggers == 2
    assert incident.updated_at == NOON + timedelta(minutes=5)


def test_the_summary_stays_the_first_and_the_details_are_the_newest() -> None:
    board = Board()
    apply(board, received("trigger"), received("trigger", summary="later", severity="warning"))
    (incident,) = board.incidents()
    assert (incident.summary, incident.content.summary, incident.content.severity) == ("down", "later", "warning")


def test_an_acknowledged_incident_stays_acknowledged_when_it_triggers_again() -> None:
    board = Board()
    outcomes = apply(board, received("trigger"), received("acknowledge", minutes=1), received("trigger", minutes=2))
    assert outcomes == ["opened", "acknowledged", "appended"]
    (incident,) = board.incidents()
    assert incident.status == "acknowledged"
    assert incident.acknowledged_at == NOON + timedelta(minutes=1)


def test_acknowledging_twice_keeps_the_first_time() -> None:
    board = Board()
    apply(board, received("trigger"), received("acknowledge", minutes=1), received("acknowledge", minutes=9))
    assert board.find(1).acknowledged_at == NOON + timedelta(minutes=1)


def test_a_resolve_closes_and_keeps_what_it_said() -> None:
    board = Board()
    apply(board, received("trigger"), received("resolve", minutes=7, summary="[RESOLVED]", severity=""))
    incident = board.find(1)
    assert (incident.status, incident.resolved_at) == ("resolved", NOON + timedelta(minutes=7))
    assert incident.resolution is not None
    assert incident.resolution.summary == "[RESOLVED]"
    assert incident.content.severity == "critical"


def test_a_trigger_after_a_resolve_opens_a_new_incident() -> None:
    board = Board()
    apply(board, received("trigger"), received("resolve"), received("trigger"))
    assert [(i.number, i.status) for i in board.incidents()] == [(2, "triggered"), (1, "resolved")]


def test_other_dedup_keys_and_other_routing_keys_are_other_incidents() -> None:
    board = Board()
    apply(board, received("trigger", "a"), received("trigger", "b"), received("trigger", "a", key="other"))
    assert len(board.incidents()) == 3


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
@pytest.mark.parametrize(
    ("before", "event_key", "reason", "number"),
    [
        ([], "k", "unknown_dedup_key", None),
        ([received("trigger")], "other", "other_routing_key", 1),
        ([received("trigger"), received("resolve")], "k", "already_resolved", 1),
    ],
)
def test_an_event_that_no_open_incident_answers_to_is_dropped_and_recorded(
    action: str, before: list[Received], event_key: str, reason: str, number: int | None
) -> None:
    board = Board()
    apply(board, *before)
    kept = board.incidents()
    assert apply(board, received(action, key=event_key)) == ["orphan"]
    assert board.incidents() == kept
    (orphan,) = board.orphans()
    assert (orphan.reason, orphan.incident, orphan.action) == (reason, number, action)


def test_incidents_are_resolved_by_hand() -> None:
    board = Board()
    apply(board, received("trigger"))
    board.apply(ByHand(NOON, "acknowledge", 1))
    board.apply(ByHand(NOON, "resolve", 1))
    incident = board.find(1)
    assert [(entry.outcome, entry.by) for entry in incident.timeline[1:]] == [
        ("acknowledged", "by hand"),
        ("resolved", "by hand"),
    ]


def test_by_hand_needs_an_open_incident() -> None:
    board = Board()
    with pytest.raises(NoSuchIncidentError):
        board.apply(ByHand(NOON, "resolve", 1))
    apply(board, received("trigger"), received("resolve"))
    with pytest.raises(NotOpenError):
        board.apply(ByHand(NOON, "resolve", 1))
    assert len(board.find(1).timeline) == 2


def test_only_the_newest_resolved_incidents_are_kept() -> None:
    board = Board(resolved_kept=3)
    for number in range(5):
        apply(board, received("trigger", minutes=number), received("resolve", minutes=number))
    assert [incident.number for incident in board.incidents()] == [5, 4, 3]
    with pytest.raises(NoSuchIncidentError):
        board.find(2)


def test_an_open_incident_is_kept_however_many_resolve_after_it() -> None:
    board = Board(resolved_kept=1)
    apply(board, received("trigger", "old"))
    for _ in range(4):
        apply(board, received("trigger"), received("resolve"))
    assert board.find(1).is_open


def test_a_timeline_keeps_its_first_event_and_the_newest() -> None:
    board = Board()
    for minute in range(incidents.ENTRIES_KEPT + 50):
        apply(board, received("trigger", minutes=minute))
    incident = board.find(1)
    assert len(incident.timeline) == incidents.ENTRIES_KEPT
    assert incident.timeline[0].at == NOON
    assert incident.timeline[-1].at == NOON + timedelta(minutes=incidents.ENTRIES_KEPT + 49)
    assert incident.entries == incidents.ENTRIES_KEPT + 50


def test_orphans_and_refused_requests_are_bounded() -> None:
    board = Board()
    for _ in range(500):
        apply(board, received("resolve"))
        board.apply(Refused(NOON, 400, (Problem("x"),), "curl"))
    assert len(board.orphans()) == incidents.ORPHANS_KEPT
    assert len(board.refused()) == incidents.REFUSED_KEPT


def test_triggered_incidents_come_before_acknowledged_and_resolved_ones() -> None:
    board = Board()
    apply(board, received("trigger", "a"), received("trigger", "b"), received("trigger", "c"), received("trigger", "d"))
    apply(board, received("resolve", "a"), received("acknowledge", "d"))
    assert [i.status for i in board.incidents()] == ["triggered", "triggered", "acknowledged", "resolved"]
    assert board.counts() == {"triggered": 2, "acknowledged": 1, "resolved": 1}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["trigger", "acknowledge", "resolve"]), st.sampled_from("ab"), st.sampled_from(["k", "l"])
        ),
        max_size=40,
    )
)
def test_each_identity_has_at_most_one_open_incident_and_replay_gives_the_same(events: list[Any]) -> None:
    board, replay = Board(), Board()
    records = [received(action, dedup, key=key, minutes=i) for i, (action, dedup, key) in enumerate(events)]
    apply(board, *records)
    apply(replay, *records)
    identities = [incident.identity for incident in board.incidents() if incident.is_open]
    assert len(identities) == len(set(identities))
    assert (board.incidents(), board.orphans()) == (replay.incidents(), replay.orphans())
    assert sum(incident.entries for incident in board.incidents()) + len(board.orphans()) == len(events)
