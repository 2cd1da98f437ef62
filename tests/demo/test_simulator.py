"""Without the original file, the simulator tells the same story in the same columns."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gradino.demo import feed
from gradino.demo.simulator import simulate
from gradino.errors import DataError

REAL = Path(__file__).resolve().parents[2] / "../shared/data/bike-sharing-hour.csv"


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    return simulate()


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    if not REAL.exists():
        pytest.skip("the UCI file is not at ../shared/data/bike-sharing-hour.csv")
    return feed.read(REAL)


def test_a_seed_gives_the_same_rows_again(simulated):
    pd.testing.assert_frame_equal(simulate(), simulated)
    assert not simulate(2)["cnt"].equals(simulated["cnt"])


def test_rows_are_hours_of_two_years_some_of_them_missing(simulated):
    hours = feed.hours(simulated)
    assert hours.is_monotonic_increasing
    assert hours.is_unique
    assert (hours.min().year, hours.max().year) == (2011, 2012)
    assert 17_200 < len(simulated) < 731 * 24
    assert (simulated["cnt"] == simulated["casual"] + simulated["registered"]).all()


def test_working_days_have_two_peaks_and_weekends_one(simulated):
    mean = simulated.groupby(["workingday", "hr"])["cnt"].mean()
    assert mean[1].nlargest(2).index.isin([17, 18]).all()
    assert mean[1].loc[:12].idxmax() == 8
    assert 12 <= mean[0].idxmax() <= 15


def test_the_service_grows_by_half_in_its_second_spring(simulated):
    mean = simulated.groupby(["yr", "mnth"])["cnt"].mean()
    assert mean[1].loc[4:9].mean() > 1.5 * mean[0].loc[4:9].mean()


def test_rain_and_cold_keep_people_at_home(simulated):
    noon = simulated[simulated["hr"].between(10, 18)]
    weather = noon.groupby("weathersit")["cnt"].mean()
    assert weather[1] > 1.3 * weather[3]
    assert noon[["temp", "cnt"]].corr().iloc[0, 1] > 0.3


def test_a_sensor_breaks_in_each_year(simulated):
    dead = simulated[simulated["hum"] == 0]
    stuck = simulated[(simulated["temp"] - simulated["atemp"]).abs() > 0.25]
    assert set(dead["yr"]) == {0}
    assert set(stuck["yr"]) == {1}
    assert 10 <= len(dead) <= 48
    assert 10 <= len(stuck) <= 48


def test_what_is_simulated_resembles_what_was_counted(simulated, real):
    for column in ("temp", "hum", "windspeed", "cnt"):
        assert np.isclose(simulated[column].mean(), real[column].mean(), rtol=0.15), column
        assert np.isclose(simulated[column].std(), real[column].std(), rtol=0.25), column


def test_a_file_is_read_as_it_was_written(simulated, tmp_path):
    simulated.sample(frac=1, random_state=0).to_csv(tmp_path / "hour.csv", index=False)
    pd.testing.assert_frame_equal(feed.read(tmp_path / "hour.csv"), simulated, check_dtype=False)


def test_both_spellings_of_a_date_are_understood(simulated):
    head = simulated.head(3)
    american = head.assign(dteday=["1/1/2011", "1/2/2011", "12/31/2012"])
    assert list(feed.hours(american).dt.date) == [date(2011, 1, 1), date(2011, 1, 2), date(2012, 12, 31)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"", "cannot be read as CSV"),
        (b"\xff\xfe\x00PK", "cannot be read as CSV"),
        (b"dteday,hr\n2011-01-01,0\n", "no column instant, season"),
        (",".join(feed.COLUMNS).encode() + b"\n", "no rows"),
        (",".join(feed.COLUMNS).encode() + b"\n1,someday" + b",1" * 15 + b"\n", "date or an hour"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wanted_instead(tmp_path, content, says):
    file = tmp_path / "hour.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError) as raised:
        feed.read(file)
    assert says in raised.value.what
    assert feed.SOURCE in raised.value.next


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        feed.read(tmp_path)


def test_the_station_delivers_one_file_a_day(simulated, tmp_path):
    delivered = [feed.deliver(day, rows, tmp_path) for day, rows in feed.days(simulated.head(60))]
    assert [file.name for file in delivered][:2] == ["2011-01-01.csv", "2011-01-02.csv"]
    assert sum(len(pd.read_csv(file)) for file in delivered) == 60
    assert sorted(tmp_path.iterdir()) == delivered
