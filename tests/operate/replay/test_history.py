"""Any table as history: what is a time, what is a target, what was left out; and errors that say what to do."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gradino.errors import DataError
from gradino.operate.replay import features, history

N = 400
RNG = np.random.default_rng(0)


def table(**columns: object) -> pd.DataFrame:
    hours = pd.date_range("2024-01-01", periods=N, freq="h")
    return pd.DataFrame({"when": hours, "x": RNG.normal(size=N), "y": RNG.normal(size=N)} | columns)


def test_rows_come_in_order_whatever_the_file_has() -> None:
    mixed = table().sample(frac=1, random_state=0)
    read = history.order(pd.concat([mixed, mixed.head(5)]), "when", "y", "regression")
    assert (np.diff(read.times) > np.timedelta64(0)).all()
    assert read.notes == [
        "5 rows that repeat another exactly are left out",
        "the file is not in the order of `when`: sorted, rows of one moment stay as they lie",
    ]


@pytest.mark.parametrize(
    "written",
    [
        lambda t: t.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda t: t.dt.strftime("%d %B %Y %H:%M"),
        lambda t: t.dt.tz_localize("Europe/Rome"),
    ],
)
def test_dates_are_read_in_many_forms(written: object) -> None:
    plain = table()
    read = history.order(plain.assign(when=written(plain.when)), "when", "y", "regression")  # type: ignore[operator]
    assert read.dated
    assert set(np.diff(read.times)) == {np.timedelta64(1, "h")}


@pytest.mark.parametrize("time", ["step", "rows"])
def test_numbers_and_the_files_order_give_an_order_an_hour_apart(time: str) -> None:
    read = history.order(table(step=np.arange(N) // 2), time, "y", "regression")
    assert not read.dated
    assert set(np.diff(read.times)) == {np.timedelta64(1, "h")}


@pytest.mark.parametrize(
    ("time", "target", "task", "said"),
    [
        ("wen", "y", "regression", "did you mean `when`"),
        ("when", "Y2", "regression", "no target `Y2`"),
        ("hour", "y", "regression", "starts over 16 times"),
        ("word", "y", "regression", "`word` is no time: 'a'"),
        ("when", "same", "regression", "always 1"),
        ("when", "word", "regression", "use --task classification"),
        ("when", "y", "classification", "use --task regression"),
        ("when", "y", "clustering", "no task `clustering`"),
        ("y", "y", "regression", "both time and target"),
        ("when", "empty", "regression", "0 usable rows"),
    ],
)
def test_what_cannot_be_replayed_is_said_with_what_to_do(time: str, target: str, task: str, said: str) -> None:
    frame = table(hour=np.arange(N) % 24, word=["a", "b"] * (N // 2), same=1, empty=np.nan)
    with pytest.raises(DataError) as error:
        history.order(frame, time, target, task)
    assert said in str(error.value)
    assert error.value.next


def test_the_task_follows_the_target_when_nobody_says_it() -> None:
    frame = table(label=["UP", "DOWN"] * (N // 2), count=np.arange(N), flag=[0, 1] * (N // 2))
    tasks = {target: history.order(frame, "when", target).task for target in ("label", "count", "flag", "y")}
    assert tasks == {
        "label": "classification",
        "count": "regression",
        "flag": "classification",
        "y": "regression",
    }


@pytest.mark.parametrize(("name", "sep"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t"), ("a.csv.gz", ",")])
def test_files_of_several_forms(tmp_path: Path, name: str, sep: str) -> None:
    table().to_csv(tmp_path / name, sep=sep, index=False)
    table().to_parquet(tmp_path / "a.parquet")
    assert list(history.read(tmp_path / name).columns) == ["when", "x", "y"]
    assert len(history.read(tmp_path / "a.parquet")) == N


@pytest.mark.parametrize("content", [None, b"", b"\x00\x01\x02PAR1", b"a,a\n1,2\n"])
def test_a_file_that_is_no_table_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / ("x.parquet" if content and b"PAR1" in content else "x.csv")
    if content is not None:
        path.write_bytes(content)
    if content == b"a,a\n1,2\n":
        assert list(history.read(path).columns) == ["a", "a.1"]  # as pandas names them
    else:
        with pytest.raises(DataError):
            history.read(path)


def test_columns_that_give_the_target_away_are_not_seen_by_the_model() -> None:
    casual, registered = RNG.integers(0, 50, N), RNG.integers(0, 50, N)
    frame = table(
        casual=casual,
        registered=registered,
        total=casual + registered,
        number=np.arange(N),
        name=[f"row {i}" for i in range(N)],
        fixed="a",
        sky=["sun", "rain"] * (N // 2),
    )
    found = features.choose(history.order(frame, "when", "total", "regression"))
    assert found.used == ["x", "y", "sky", "hour of day", "day of week"]
    assert found.left_out == {
        "casual": "casual and registered together are the target",
        "registered": "casual and registered together are the target",
        "number": "it numbers the rows",
        "name": "it names the rows",
        "fixed": "it never changes",
    }
    assert found.categorical.tolist() == [False, False, True, False, False]
    twin = table(label=["a", "b"] * (N // 2), coded=[7, 9] * (N // 2))
    assert "coded" in features.choose(history.order(twin, "when", "label")).left_out


def test_missing_values_and_text_become_numbers_that_trees_can_use() -> None:
    frame = table(sky=["sun", None, "rain", "sun"] * (N // 4))
    frame.loc[::7, "x"] = np.inf
    found = features.choose(history.order(frame, "when", "y", "regression"))
    sky = found.matrix[:4, found.used.index("sky")]
    assert np.isnan(found.matrix[0, found.used.index("x")])
    np.testing.assert_array_equal(sky, [0, np.nan, 1, 0])


def test_decimals_are_numbers_and_values_of_several_are_left_out() -> None:
    frame = table(y=[Decimal(i) / 8 for i in range(N)], tags=[["a"], ["b", "c"]] * (N // 2))
    read = history.order(frame, "when", "y", leave_out=("tags",))
    assert (read.task, read.label[3]) == ("regression", 0.375)
    assert read.notes[0].startswith("tags is left out")
    with pytest.raises(DataError, match="`tags` hold several values each"):
        history.order(frame, "when", "tags")


def test_a_table_of_names_or_of_nothing_is_refused_before_any_work() -> None:
    with pytest.raises(DataError, match="400 different values"):
        history.order(table(y=[f"row {i}" for i in range(N)]), "when", "y")
    with pytest.raises(DataError, match="0 usable rows"):
        history.order(table().astype(str).head(0), "when", "y")


def test_measurements_that_never_come_again_are_no_leak_unless_they_rise_with_the_target() -> None:
    frame = table()
    frame = frame.assign(y=frame.x + RNG.normal(size=N)).assign(copied=lambda f: np.exp(f.y))
    found = features.choose(history.order(frame, "when", "y", "regression"))
    assert "x" in found.used
    assert found.left_out == {"copied": "it gives the target away"}
