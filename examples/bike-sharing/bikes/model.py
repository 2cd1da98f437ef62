"""Gradient-boosted trees over calendar and weather."""

import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

OPENED = pd.Timestamp("2011-01-01")
READINGS = ["season", "holiday", "workingday", "weathersit", "temp", "atemp", "hum", "windspeed"]


def features(rides: pd.DataFrame) -> pd.DataFrame:
    """What the model sees of an hour: the readings, the time of day and of week, and the age of the service.

    The age is counted in steps of four weeks: in days, trees would take the last week's luck for growth. They cannot
    extrapolate: of growth after the training they know nothing, hence the retraining.
    """
    return rides[READINGS].assign(
        time_of_day=rides.hour.dt.hour,
        weekday=rides.hour.dt.day_of_week,
        age=(rides.hour - OPENED).dt.days // 28,
    )


def train(rides: pd.DataFrame) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(max_iter=100, random_state=0).fit(features(rides), rides.rentals)
