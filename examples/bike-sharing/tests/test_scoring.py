"""What must be true of any model that goes into production, however it was trained."""

import numpy as np
import pandas as pd

from bikes.scoring import score


def at(rides: pd.DataFrame, when: str) -> pd.DataFrame:
    return rides[rides.hour == when]


def test_one_finite_number_for_each_row(model, rides):
    rentals = score(model, rides)
    assert rentals.shape == (len(rides),)
    assert rentals.dtype == float
    assert np.isfinite(rentals).all()


def test_people_commute_in_the_morning_of_a_working_day_and_sleep_at_night(model, rides):
    assert score(model, at(rides, "2011-05-11 08:00")) > 2 * score(model, at(rides, "2011-05-11 03:00"))


def test_weekends_have_no_morning_rush(model, rides):
    assert score(model, at(rides, "2011-05-14 08:00")) < score(model, at(rides, "2011-05-11 08:00"))


def test_the_answer_is_never_negative(model, rides):
    storm = rides.assign(weathersit=4, temp=0.02, atemp=0.0, windspeed=0.85, hum=1.0)
    assert (score(model, storm) >= 0).all()


def test_a_missing_reading_changes_the_answer_little(model, rides):
    row = at(rides, "2011-05-11 17:00")
    complete, partial = score(model, row), score(model, row.assign(hum=np.nan))
    np.testing.assert_allclose(partial, complete, rtol=0.3)


def test_the_label_is_not_needed_and_the_order_of_rows_and_columns_does_not_matter(model, rides):
    rows = rides.drop(columns="rentals")
    shuffled = rows.sample(frac=1, random_state=0)[rows.columns[::-1]]
    np.testing.assert_array_equal(score(model, shuffled), score(model, rows)[shuffled.index])


def test_one_row_scores_as_in_a_batch(model, rides):
    assert score(model, rides.tail(1))[0] == score(model, rides)[-1]
