"""The counting station drops one CSV file a day into `feed/`; this reads the new ones and says what a good row is."""

import os
from datetime import datetime
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series


class Rides(pa.DataFrameModel):
    """One row an hour. The station scales its readings to 0 … 1; a reading may be missing, but not absurd."""

    hour: pd.Timestamp = pa.Field(unique=True)
    season: int = pa.Field(ge=1, le=4)  # winter, spring, summer, autumn
    holiday: int = pa.Field(isin=[0, 1])
    workingday: int = pa.Field(isin=[0, 1])
    weathersit: int = pa.Field(ge=1, le=4)  # clear, mist, light rain or snow, heavy rain
    temp: float = pa.Field(ge=0, le=1, nullable=True)  # −8 … 39 °C
    atemp: float = pa.Field(ge=0, le=1, nullable=True)  # as it feels, −16 … 50 °C
    hum: float = pa.Field(gt=0, le=1, nullable=True)  # air is never without humidity: a broken sensor says 0
    windspeed: float = pa.Field(ge=0, le=1, nullable=True)
    rentals: int = pa.Field(ge=0)

    @pa.dataframe_check
    def felt_temperature_follows_temperature(cls, rides: pd.DataFrame) -> Series[bool]:
        """They never differ by more than 11 °C, unless one of the two sensors is stuck."""
        return ~((rides.temp - rides.atemp).abs() > 0.25)

    class Config:
        coerce = True


def collect(since: datetime) -> pd.DataFrame:
    """The hours counted after `since`, as `Rides` wants them. Files are named by their day: 2011-01-01.csv."""
    feed = Path(os.environ.get("BIKES_FEED", "feed"))
    files = sorted(file for file in feed.glob("*.csv") if file.stem >= since.date().isoformat())
    if not files:
        return Rides.empty()
    counts = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    counts["hour"] = pd.to_datetime(counts.dteday, format="mixed") + pd.to_timedelta(counts.hr, unit="h")
    # `casual` and `registered` add up to the answer, so they must not reach the model.
    rides = counts.rename(columns={"cnt": "rentals"})[list(Rides.to_schema().columns)]
    return rides[rides.hour > since].reset_index(drop=True)
