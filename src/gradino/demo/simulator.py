"""Two years of a bike-sharing service that never was: the columns of the UCI file, for when the file is not at hand.

Weather follows the seasons and remembers yesterday; commuters ride at 8 and 17 on working days, strollers on warm
afternoons; the service grows slowly, then by half within weeks in the second spring; storms stop it for hours, and two
sensors break. What is drawn depends on the seed alone; the default one was chosen because its story is clear.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.holiday import USFederalHolidayCalendar

from gradino.demo.feed import COLUMNS

START, END = "2011-01-01", "2012-12-31 23:00"

Array = NDArray[np.float64]


def simulate(seed: int = 1) -> pd.DataFrame:
    """About 17,400 rows, one an hour of 2011 and 2012, with the columns `feed.COLUMNS`."""
    random = np.random.default_rng(seed)
    hours = pd.date_range(START, END, freq="h")
    counts = _calendar(hours).join(_weather(random, hours))
    counts["casual"], counts["registered"] = _riders(random, hours, counts)
    counts["cnt"] = counts.casual + counts.registered
    _break_sensors(random, hours, counts)
    counts = counts[(counts.cnt > 0) & ~_outages(random, hours)].reset_index(drop=True)  # no line when nobody rides
    counts["instant"] = np.arange(1, len(counts) + 1)
    return counts[COLUMNS]


def _calendar(hours: pd.DatetimeIndex) -> pd.DataFrame:
    weekday = (hours.day_of_week + 1) % 7  # Sunday is 0
    holiday = hours.normalize().isin(USFederalHolidayCalendar().holidays(hours[0], hours[-1]))
    begins = np.searchsorted([321, 621, 923, 1221], hours.month * 100 + hours.day, side="right")
    return pd.DataFrame(
        {
            "dteday": hours.strftime("%Y-%m-%d"),
            "season": begins % 4 + 1,
            "yr": hours.year - 2011,
            "mnth": hours.month,
            "hr": hours.hour,
            "holiday": holiday.astype(int),
            "weekday": weekday,
            "workingday": ((weekday % 6 != 0) & ~holiday).astype(int),
        }
    )


def _weather(random: np.random.Generator, hours: pd.DatetimeIndex) -> pd.DataFrame:
    """Scaled as the station scales: temperatures from −8 … 39 °C and −16 … 50 °C, the others from 0 … 100 %."""
    year = 2 * np.pi * (hours.day_of_year.to_numpy() - 20) / 365.25
    day = 2 * np.pi * (hours.hour.to_numpy() - 15) / 24
    clouds = 0.8 * _wander(random, len(hours), days=1.0) + 0.6 * _wander(random, len(hours), days=0.15)
    celsius = 15 - 12 * np.cos(year) + 4 * np.cos(day) + 4 * _wander(random, len(hours), days=4.0) - clouds
    wind = np.maximum(0.19 + 0.12 * _wander(random, len(hours), days=0.4), 0)
    humidity = 0.62 - 0.12 * np.cos(day) + 0.11 * clouds + 0.08 * _wander(random, len(hours), days=1.0)
    felt = celsius - 10 * wind + np.maximum(celsius - 24, 0) * humidity
    return pd.DataFrame(
        {
            "weathersit": 1 + sum((clouds > limit).astype(int) for limit in (0.41, 1.4, 3.6)),
            "temp": np.clip((celsius + 8) / 47, 0.02, 1).round(2),
            "atemp": np.clip((felt + 16) / 66, 0, 1).round(4),
            "hum": np.clip(humidity, 0.08, 1).round(2),
            "windspeed": np.minimum(wind, 0.85).round(4),
        }
    )


def _riders(
    random: np.random.Generator, hours: pd.DatetimeIndex, counts: pd.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Casual and registered riders of each hour."""
    hour, working = hours.hour.to_numpy(), counts.workingday.to_numpy() == 1
    years = np.arange(len(hours)) / 8766
    growth = 0.9 + 0.35 * years + 0.55 / (1 + np.exp(-(years - 1.22) / 0.02))
    warmth = _bell(counts.temp.to_numpy(), 0.72, 0.34)
    fair = np.array([1.0, 0.9, 0.5, 0.3])[counts.weathersit.to_numpy() - 1] * (1.15 - 0.3 * counts.hum.to_numpy())
    mood = np.exp(0.16 * _wander(random, len(hours), days=1.5) + 0.2 * random.normal(size=len(hours)))
    commute = (
        350 * _bell(hour, 8, 1.0)
        + 360 * _bell(hour, 17.4, 1.7)
        + 100 * _bell(hour, 12.5, 3.0)
        + 45 * _bell(hour, 21, 2.5)
    )
    stroll = 230 * _bell(hour, 14, 4.0) + 70 * _bell(hour, 0, 2.0) + 4
    registered = growth * np.where(working, commute + 20 * _bell(hour, 0, 1.5) + 4, stroll) * (0.35 + 0.75 * warmth)
    casual = growth * np.where(working, 45.0, 125.0) * _bell(hour, 14.5, 4.2) * warmth**2
    return random.poisson(casual * fair**2 * mood), random.poisson(registered * fair * mood)


def _break_sensors(random: np.random.Generator, hours: pd.DatetimeIndex, counts: pd.DataFrame) -> None:
    """The hygrometer says 0 for a day in the first spring; the felt temperature freezes in the second summer."""
    for column, month, reading in (("hum", "2011-03", 0.0), ("atemp", "2012-08", 0.0)):
        begin = int(random.choice(np.flatnonzero(hours.strftime("%Y-%m") == month)))
        counts.loc[begin : begin + int(random.integers(18, 48)), column] = reading


def _outages(random: np.random.Generator, hours: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Storms stop the service a few times a year, for a quarter of a day to a day and a half."""
    missing = np.zeros(len(hours), dtype=bool)
    for begin in random.integers(len(hours), size=8):
        missing[begin : begin + int(random.integers(6, 36))] = True
    return missing


def _wander(random: np.random.Generator, n: int, days: float) -> Array:
    """A series with mean 0 and variance 1 that forgets by 1/e in `days`."""
    keep = np.exp(-1 / (24 * days))
    noise = random.normal(size=n) * np.sqrt(1 - keep**2)
    noise[0] = random.normal()
    series = np.empty(n)
    last = 0.0
    for i, step in enumerate(noise):
        series[i] = last = keep * last + step
    return series


def _bell(x: Array, centre: float, width: float) -> Array:
    return np.asarray(np.exp(-(((x - centre) / width) ** 2) / 2))
