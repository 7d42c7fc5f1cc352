"""Columns that tell the time, and first lines that are none, are told apart."""

from __future__ import annotations

import pytest

from modelwatch.model.draft import draft

from .drafts import csv, loaded, reasons

HAPPENED = "when it happened, and no feature; rows sent to the sidecar may carry it as their timestamp"


MOVES_ON = "a date or time, which always moves on; to watch it, add a number made of it, such as an hour or an age"


@pytest.mark.usefixtures("folder")
def test_of_several_times_the_one_that_tells_when_it_happened_is_told_apart() -> None:
    rows = "".join(f"2024-01-{n % 28 + 1:02d},2024-02-{n % 28 + 1:02d}T10:00:00Z,{n % 7}\n" for n in range(60))
    made = draft(csv(f"signup_date,Event_Time,age\n{rows}"))
    assert reasons(made) == {"signup_date": MOVES_ON, "Event_Time": HAPPENED}
    assert "#   Event_Time: when it happened" in made.text and loaded(made).features[0].name == "age"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "first", "step", "reason"),
    [
        ("timestamp", 1_700_000_000, 60, HAPPENED),
        ("ts", 1_700_000_000_000, 977, HAPPENED),
        ("created_at", 1_700_000_000.25, 60, HAPPENED),
        ("delivery_date", 20_240_101, 1, MOVES_ON),
        # A time by its name alone is a number like any other, and so is a large number by its size alone.
        ("time", 12, 1, None),
        ("market_date", 3, 1, None),
        ("revenue", 1_700_000_000, 60, None),
    ],
)
def test_a_number_that_is_a_time_by_its_name_and_its_size_is_no_feature(
    name: str, first: float, step: int, reason: str | None
) -> None:
    rows = "".join(f"{first + step * n},{n % 7}\n" for n in range(15))
    assert reasons(draft(csv(f"{name},age\n{rows}"))).get(name) == reason


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("header", "headless"),
    [
        ("20,0.5,DE", True),
        ("-3,1e3,DE", True),
        ("0,0,DE", True),
        ("0,1,DE", False),
        ("1,2,DE", False),
        ("2019,2020,DE", False),
        ("age,0.5,DE", False),
        ("age,plan,country", False),
    ],
)
def test_a_first_line_that_looks_like_a_row_is_told(header: str, headless: bool) -> None:
    rows = "".join(f"{n % 7},{n % 5}.5,{'DE' if n % 2 else 'FR'}\n" for n in range(60))
    assert draft(csv(f"{header}\n{rows}")).headless is headless
