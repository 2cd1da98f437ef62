"""Slices are the same rows for whoever cuts them, and no row is forgotten."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradino.operate.training.slices import FEW, cut

COLUMNS = {
    "float": st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))),
    "integer": st.integers(-(2**40), 2**40),
    "text": st.sampled_from([*"abcdefghijklmnop", None]),
    "flag": st.booleans(),
    "time": st.datetimes(),
}


@given(st.data(), st.sampled_from(list(COLUMNS)), st.integers(0, 40), st.integers(1, 40))
def test_the_slices_of_a_column_are_disjoint_and_cover_every_row(
    data: st.DataObject, kind: str, past: int, rows: int
) -> None:
    def drawn(count: int) -> pd.DataFrame:
        values = data.draw(st.lists(COLUMNS[kind], min_size=count, max_size=count))
        series = pd.Series(values, dtype="datetime64[us]" if kind == "time" else None if count else object)
        return pd.DataFrame({"c": series})

    frame = drawn(rows)
    found = cut(drawn(past), frame, ["c"])
    assert np.array(list(found.values())).sum(axis=0).tolist() == [1] * rows
    assert all(name.startswith("c ") for name in found)


@given(st.permutations(range(100)), st.floats(-1e3, 1e3))
def test_a_number_is_cut_at_the_quartiles_of_the_past(values: list[int], shift: float) -> None:
    past = pd.DataFrame({"c": np.array(values) + shift})
    assert [int(mask.sum()) for mask in cut(past, past, ["c"]).values()] == [25] * 4


def test_names_say_which_rows() -> None:
    past = pd.DataFrame({"warmth": np.arange(101) / 2, "season": [1, 2] * 50 + [2], "city": ["Rome"] * 101})
    now = pd.DataFrame({"warmth": [12.5, 99.0, None], "season": [1, 1, 3], "city": ["Rome", "Bari", None]})
    assert {name: mask.tolist() for name, mask in cut(past, now, ["warmth", "season", "city"]).items()} == {
        "warmth ≤ 12.5": [True, False, False],
        "warmth > 37.5": [False, True, False],
        "warmth missing": [False, False, True],
        "season = 1": [True, True, False],
        "season other": [False, False, True],
        "city = Rome": [True, False, False],
        "city other": [False, True, False],
        "city missing": [False, False, True],
    }


def test_whole_numbers_of_many_values_are_numbers() -> None:
    past = pd.DataFrame({"few": np.arange(FEW).repeat(3), "many": np.arange(FEW * 3)})
    names = list(cut(past, past, ["few", "many"]))
    assert [name for name in names if name.startswith("many")] == [
        "many ≤ 8.75", "many 8.75 … 17.5", "many 17.5 … 26.25", "many > 26.25",
    ]  # fmt: skip
    assert "few = 0" in names


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no column `cty` to slice by; there are: city"):
        cut(pd.DataFrame({"city": ["Rome"]}), pd.DataFrame({"city": ["Rome"]}), ["cty"])
