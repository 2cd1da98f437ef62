from datetime import datetime

import pandas as pd
import pytest
from pandera.errors import SchemaError

from bikes.data import Rides, collect

HEADER = (
    "instant,dteday,season,yr,mnth,hr,holiday,weekday,workingday,weathersit,"
    "temp,atemp,hum,windspeed,casual,registered,cnt"
)


@pytest.fixture
def feed(tmp_path, monkeypatch):
    monkeypatch.setenv("BIKES_FEED", str(tmp_path))
    write(
        tmp_path / "2011-01-01.csv",
        *(f"{h + 1},1/1/2011,1,0,1,{h},0,6,0,1,0.24,0.2879,0.81,0,3,13,16" for h in range(24)),
    )
    write(tmp_path / "2011-01-02.csv", "25,2011-01-02,1,0,1,0,0,0,0,2,0.46,0.4545,0.88,0.2985,4,13,17")
    return tmp_path


def write(file, *rows):
    file.write_text("\n".join([HEADER, *rows]) + "\n")


def test_the_first_collection_takes_every_file_whichever_way_the_date_is_written(feed):
    rides = Rides.validate(collect(datetime.min))
    assert list(rides.hour) == list(pd.date_range("2011-01-01", periods=25, freq="h"))


def test_later_collections_take_what_is_new(feed):
    assert list(collect(datetime(2011, 1, 1, 22)).rentals) == [16, 17]
    assert collect(datetime(2011, 1, 2)).empty


def test_an_empty_feed_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("BIKES_FEED", str(tmp_path))
    assert list(collect(datetime.min).columns) == list(Rides.to_schema().columns)


def test_columns_that_give_the_answer_away_are_left_out(feed):
    assert not {"cnt", "casual", "registered"} & set(collect(datetime.min).columns)


@pytest.mark.parametrize(
    ("column", "reading"),
    [("hum", 0.0), ("temp", 1.4), ("atemp", 0.9), ("weathersit", 9), ("rentals", -1), ("hour", None)],
)
def test_the_contract_refuses_what_a_broken_sensor_says(rides, column, reading):
    broken = rides.head(3).copy()
    broken.loc[1, column] = reading
    with pytest.raises(SchemaError):
        Rides.validate(broken)


def test_a_missing_reading_is_allowed(rides):
    Rides.validate(rides.head(3).assign(hum=None))
