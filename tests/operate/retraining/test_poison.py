"""Rows that somebody may have put there: one unit in flood, canaries with another label."""

from pathlib import Path

import pyarrow as pa
import pytest

from gradino.errors import DataError
from gradino.operate.project import Project
from gradino.operate.retraining.poison import suspicions
from tests.operate import records

CANARY = "station,temp,y\na,1.5,10\nb,2.5,20\n"


def project(root: Path, **settings: object) -> Project:
    identity = {"name": "town", "task": "regression", "target": "y", "time": "t", "unit": "station"}
    return records.project(root, project=identity, retraining=settings)


def rows(stations: str, temp: float = 0.0, y: float = 1.0) -> pa.Table:
    n = len(stations)
    return pa.table({"t": range(n), "station": list(stations), "temp": [temp] * n, "y": [y] * n})


def test_one_station_that_floods_the_new_rows_is_named(tmp_path: Path) -> None:
    assert suspicions(project(tmp_path), rows("aaab"), rows("abcdefgh")) == [
        "station a brought 75% of the new rows, 12% of those before"
    ]


@pytest.mark.parametrize(("new", "known"), [("aaaa", "aaaa"), ("aabb", "abab"), ("abc", "xyz")])
def test_a_share_as_before_or_small_is_no_suspicion(tmp_path: Path, new: str, known: str) -> None:
    assert suspicions(project(tmp_path), rows(new), rows(known)) == []


def test_canaries_that_come_back_with_another_label_are_counted(tmp_path: Path) -> None:
    (tmp_path / "canary.csv").write_text(CANARY)
    asked = project(tmp_path, canary="canary.csv", max_share=1.0)
    clean, flipped = rows("a", 1.5, 10.0), rows("b", 2.5, 99.0)
    assert suspicions(asked, pa.concat_tables([clean, rows("ccc")]), rows("abc")) == []
    assert suspicions(asked, pa.concat_tables([clean, flipped]), rows("abc")) == [
        "1 of the 2 canaries among the new rows have another label than in canary.csv"
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), ("station,humidity,y\na,1,2\n", "`humidity` is not a column"), ("station\na\n", "`y`")],
)
def test_canaries_that_cannot_be_used_are_an_error(tmp_path: Path, content: str | None, said: str) -> None:
    if content:
        (tmp_path / "canary.csv").write_text(content)
    with pytest.raises(DataError, match=said):
        suspicions(project(tmp_path, canary="canary.csv"), rows("a"), rows("a"))
