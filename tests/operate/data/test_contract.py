"""Which rows are good: the project's contract, and what every table needs."""

import pandas as pd
import pandera.pandas as pa
import pytest

from gradino.errors import DataError
from gradino.operate.data.contract import judge
from gradino.operate.project.config import Identity

NOW = pd.Timestamp("2024-01-01T00:00Z")
SHOP = Identity(name="shop", task="regression", target="sold", time="hour")


class Contract(pa.DataFrameModel):
    warmth: float = pa.Field(ge=0, le=50, coerce=True)

    @pa.dataframe_check
    def cold_sells_little(cls, frame: pd.DataFrame) -> "pd.Series[bool]":  # noqa: N805
        return (frame["warmth"] > 1) | (frame["sold"] < 100)


class Strict(pa.DataFrameModel):
    warmth: float


def batch(**columns: list[object]) -> pd.DataFrame:
    rows = max(map(len, columns.values()))
    given = {"hour": pd.date_range(NOW, periods=rows, freq="h"), "sold": [1.0] * rows, "warmth": [5.0] * rows}
    return pd.DataFrame(given | columns)


def reasons(frame: pd.DataFrame, identity: Identity = SHOP, model: object = Contract) -> dict[int, str]:
    good, bad = judge(frame, identity, model)
    assert set(good.index) | set(bad.index) == set(frame.index)
    assert not set(good.index) & set(bad.index)
    return {int(row): said for row, said in bad.items()}


def test_a_bad_row_says_why_and_the_others_stay() -> None:
    assert reasons(batch(warmth=[5, 99, 7])) == {1: "warmth: less_than_or_equal_to(50)"}


def test_a_value_of_another_type_costs_its_own_row_only() -> None:
    good, bad = judge(batch(warmth=["5", "warm", 70, 7]), SHOP, Contract)
    assert bad.to_dict() == {1: "warmth: not a float64", 2: "warmth: less_than_or_equal_to(50)"}
    assert good["warmth"].tolist() == [5.0, 7.0]


def test_checks_over_several_columns_name_the_row() -> None:
    assert reasons(batch(warmth=[0.5, 5], sold=[200, 200])) == {0: "cold_sells_little"}


def test_a_row_can_be_bad_in_two_ways() -> None:
    said = reasons(batch(warmth=[-1, 5], sold=[200, 2]))
    assert said == {0: "cold_sells_little; warmth: greater_than_or_equal_to(0)"}


@pytest.mark.parametrize("model", [Contract, None], ids=["with a contract", "without"])
def test_a_row_without_target_or_time_teaches_nothing(model: object) -> None:
    said = reasons(batch(sold=[1.0, None, float("inf")], hour=["2024-01-01", "2024-01-02", "soon"]), model=model)
    assert said == {1: "sold: no value, so the row can teach nothing", 2: "hour: no event time; sold: infinite"}


def test_a_time_far_in_the_future_is_refused_because_it_would_silence_the_source() -> None:
    assert reasons(batch(hour=["2024-01-01", "2999-01-01"])) == {1: "hour: more than a day in the future"}


def test_of_rows_with_one_key_the_last_counts() -> None:
    frame = batch(hour=[NOW, NOW, NOW], sold=[1.0, 2.0, None], unit=["a", "a", "a"])
    assert judge(frame, SHOP, None)[0]["sold"].tolist() == [2.0]


def test_a_unit_is_part_of_the_key_and_needed() -> None:
    frame = batch(hour=[NOW, NOW, NOW], sold=[1.0, 2.0, 3.0], station=["a", "b", None])
    good, bad = judge(frame, SHOP.model_copy(update={"unit": "station"}), None)
    assert good["sold"].tolist() == [1.0, 2.0]
    assert bad.to_dict() == {2: "station: no value"}


def test_naive_text_and_foreign_times_become_the_same_moment() -> None:
    for hour in ("2024-01-01T00:00:00", "2024-01-01T01:00:00+01:00", pd.Timestamp("2024-01-01"), NOW):
        assert judge(batch(hour=[hour]), SHOP, None)[0]["hour"].tolist() == [NOW]


@pytest.mark.parametrize(("key", "column"), [("time", "hour"), ("target", "sold")])
def test_a_missing_column_is_named_with_those_that_came(key: str, column: str) -> None:
    with pytest.raises(DataError, match=rf"no column `{column}`; it has: .*warmth") as caught:
        judge(batch(warmth=[1]).drop(columns=column), SHOP, Contract)
    assert f"`{key}`" in caught.value.next


def test_times_as_bare_numbers_are_not_guessed_at() -> None:
    with pytest.raises(DataError, match="their unit is unknown"):
        judge(batch(hour=[1704067200]), SHOP, None)


def test_a_contract_broken_as_a_whole_is_an_error_and_not_a_thousand_bad_rows() -> None:
    with pytest.raises(DataError, match=r"breaks the contract Strict: warmth: dtype\('float64'\) \(int64\)"):
        judge(batch(warmth=[1, 2]), SHOP, Strict)
    with pytest.raises(DataError, match="breaks the contract Contract: Contract: column_in_dataframe"):
        judge(batch(sold=[1.0]).drop(columns="warmth"), SHOP, Contract)
