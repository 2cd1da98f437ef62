"""A batch fits its table exactly, or not at all."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradino.errors import DataError
from gradino.operate.data.columns import BATCH, MOMENT, fit, settle

NUMBERS = [pa.int64(), pa.int32(), pa.float64(), pa.float32()]


def table(kind: pa.DataType, *items: object) -> pa.Table:
    return pa.table({"x": pa.array(items, kind)})


@given(
    data=st.sampled_from(NUMBERS).flatmap(
        lambda kind: st.lists(
            st.none() | (st.integers(-(2**31), 2**31 - 1) if pa.types.is_integer(kind) else st.floats(width=32)),
            max_size=5,
        ).map(lambda items: pa.table({"x": pa.array(items, kind)}))
    ),
    wanted=st.sampled_from(NUMBERS),
)
def test_a_batch_that_fits_has_kept_every_value(data: pa.Table, wanted: pa.DataType) -> None:
    try:
        fitted = fit(data, pa.schema([("x", wanted)]))
    except DataError:
        return
    assert fitted["x"].type == wanted
    for before, after in zip(data["x"].to_pylist(), fitted["x"].to_pylist(), strict=True):
        assert before == after or (before != before and after != after)  # NaN


def test_a_fraction_never_becomes_an_integer() -> None:
    with pytest.raises(DataError, match=r"`x` is int64 in the table, the batch brought double.*1\.9"):
        fit(table(pa.float64(), 1.9), pa.schema([("x", pa.int64())]))


def test_integers_with_gaps_which_pandas_writes_as_floats_fit() -> None:
    fitted = fit(table(pa.float64(), 1.0, None, 3.0), pa.schema([("x", pa.int64())]))
    assert fitted["x"].to_pylist() == [1, None, 3]


@pytest.mark.parametrize(
    ("brought", "kept"), [(pa.string(), pa.int64()), (pa.bool_(), pa.int64()), (pa.int64(), pa.string())]
)
def test_another_kind_of_value_is_refused_by_name(brought: pa.DataType, kept: pa.DataType) -> None:
    with pytest.raises(DataError, match="column `x` is"):
        fit(table(brought), pa.schema([("x", kept)]))


def test_a_column_that_vanished_is_named_with_those_that_came() -> None:
    with pytest.raises(DataError, match="`y` is in the table but not in the batch, which has: x"):
        fit(table(pa.int64(), 1), pa.schema([("x", pa.int64()), ("y", pa.int64()), (BATCH, pa.string())]))


def test_a_new_column_is_let_in_once_it_has_a_value() -> None:
    schema = pa.schema([("x", pa.int64())])
    batch = table(pa.int64(), 1).append_column("new", pa.array(["a"])).append_column("empty", pa.nulls(1))
    assert fit(batch, schema).column_names == ["x", "new"]


def test_an_empty_column_takes_the_type_of_the_table() -> None:
    assert fit(table(pa.null(), None), pa.schema([("x", MOMENT)])).schema.field("x").type == MOMENT


def test_naive_times_are_taken_as_utc_and_others_converted() -> None:
    naive = settle(table(pa.timestamp("ns"), 0))
    elsewhere = settle(table(pa.timestamp("s", tz="Europe/Rome"), 0))
    assert naive.equals(elsewhere)
    assert naive["x"].type == MOMENT


@pytest.mark.parametrize(
    ("kind", "item", "kept"),
    [
        (pa.large_string(), "a", pa.string()),
        (pa.dictionary(pa.int8(), pa.large_string()), "a", pa.string()),
        (pa.uint16(), 3, pa.int64()),
    ],
)
def test_each_column_settles_on_a_type_that_tables_keep(kind: pa.DataType, item: object, kept: pa.DataType) -> None:
    settled = settle(table(kind, item))
    assert (settled["x"].type, settled["x"].to_pylist()) == (kept, [item])
    assert settle(settled).equals(settled)


def test_what_no_table_can_hold_is_named() -> None:
    with pytest.raises(DataError, match=r"column `x` of type duration\[s\]"):
        settle(table(pa.duration("s"), 1))
