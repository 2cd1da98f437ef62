import numpy as np
import pandas as pd
import pytest

from bikes.model import train


@pytest.fixture(scope="session")
def rides() -> pd.DataFrame:
    """Eight weeks of a city that commutes at 8 and 17 on working days and strolls in the afternoon at weekends."""
    hour = pd.Series(pd.date_range("2011-04-04", periods=8 * 7 * 24, freq="h"))
    time, weekend = hour.dt.hour, hour.dt.day_of_week >= 5
    commute = 300 * np.exp(-((time - 8) ** 2) / 2) + 350 * np.exp(-((time - 17) ** 2) / 4)
    stroll = 250 * np.exp(-((time - 14) ** 2) / 18)
    temp = 0.4 + 0.1 * np.sin((time - 9) / 24 * 2 * np.pi)
    return pd.DataFrame(
        {
            "hour": hour,
            "season": 2,
            "holiday": 0,
            "workingday": (~weekend).astype(int),
            "weathersit": 1,
            "temp": temp,
            "atemp": temp - 0.02,
            "hum": 0.6,
            "windspeed": 0.2,
            "rentals": (5 + commute.where(~weekend, stroll)).round().astype(int),
        }
    )


@pytest.fixture(scope="session")
def model(rides):
    return train(rides)
