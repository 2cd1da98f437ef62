"""The counting station: two years of counts come in as one file, one file a day goes into the project's `feed/`."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd

from gradino.errors import DataError

COLUMNS = [
    "instant", "dteday", "season", "yr", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit",
    "temp", "atemp", "hum", "windspeed", "casual", "registered", "cnt",
]  # fmt: skip
SOURCE = "https://archive.ics.uci.edu/dataset/275/bike+sharing+dataset"


def read(file: Path) -> pd.DataFrame:
    """The hourly counts of the UCI file, in time order, exactly as they were written.

    Raises:
        DataError: there is no such file, it is no CSV, or it lacks columns, rows or readable dates.
    """
    advice = f"--data wants hour.csv of {SOURCE}"
    try:
        counts = pd.read_csv(file)
    except FileNotFoundError:
        raise DataError(f"{file}: no such file", advice) from None
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{file} cannot be read as CSV: {error}", advice) from None
    missing = [column for column in COLUMNS if column not in counts]
    if missing:
        raise DataError(f"{file} has no column {', '.join(missing)}", advice)
    if counts.empty:
        raise DataError(f"{file} has no rows", advice)
    try:
        order = hours(counts).argsort(kind="stable")
    except (ValueError, TypeError) as error:
        raise DataError(f"{file}: a date or an hour cannot be read: {error}", advice) from None
    return counts[COLUMNS].iloc[order].reset_index(drop=True)


def hours(counts: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """The event time of each row. The date is written 2011-01-31 or 1/31/2011, as it was in different releases."""
    return pd.to_datetime(counts["dteday"], format="mixed") + pd.to_timedelta(counts["hr"], unit="h")


def days(counts: pd.DataFrame) -> Iterator[tuple[date, pd.DataFrame]]:
    """Each day with its rows, in order."""
    for day, rows in counts.groupby(hours(counts).dt.date):
        assert isinstance(day, date)
        yield day, rows


def deliver(day: date, rows: pd.DataFrame, feed: Path) -> Path:
    """Drop the file of a day; it appears at once or not at all, so nobody reads half of it."""
    feed.mkdir(parents=True, exist_ok=True)
    file = feed / f"{day.isoformat()}.csv"
    part = file.with_suffix(".part")
    rows.to_csv(part, index=False)
    os.replace(part, file)
    return file
