"""The digest of rows is of what they say, not of how a file holds them."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import assume, given
from hypothesis import strategies as st

from gradino.operate.lineage.rows import Rows

SCHEMA = pa.schema(
    {"id": pa.string(), "n": pa.int64(), "x": pa.float64(), "yes": pa.bool_(), "when": pa.timestamp("us", tz="UTC")}
)
row = st.fixed_dictionaries(
    {
        "id": st.none() | st.text(max_size=3),
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "x": st.none() | st.floats(),
        "yes": st.none() | st.booleans(),
        "when": st.none() | st.integers(0, 2**40),
    }
)
rows = st.lists(row, min_size=1, max_size=6)


def table(values: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(values, schema=SCHEMA)


def digest(found: pa.Table) -> str:
    return Rows(found).digest(0, len(found))


@given(rows, rows, rows)
def test_a_part_has_the_digest_it_had_alone(
    before: list[dict[str, object]], own: list[dict[str, object]], after: list[dict[str, object]]
) -> None:
    alone = table(own)
    both = pa.concat_tables([table(before), alone.slice(0, 1), alone.slice(1), table(after)])
    both = both.append_column("later", pa.nulls(len(both), pa.string())).select([*reversed(SCHEMA.names), "later"])
    sink = io.BytesIO()
    pq.write_table(both, sink, compression="zstd")
    begin = len(before)
    assert Rows(pq.read_table(sink)).digest(begin, begin + len(own)) == digest(alone)
    assert digest(alone.set_column(0, "id", alone["id"].cast(pa.large_string()))) == digest(alone)


@given(rows, rows)
def test_other_rows_have_another_digest(one: list[dict[str, object]], other: list[dict[str, object]]) -> None:
    mine, theirs = (table([{**r, "id": r["id"] or ""} for r in values]) for values in (one, other))  # each has an id
    assume(repr(mine.to_pylist()) != repr(theirs.to_pylist()))
    assert digest(mine) != digest(theirs)


def test_what_reads_alike_is_not_the_same() -> None:
    one = pa.table({"a": ["ab", "c"]})
    assert digest(one) != digest(pa.table({"a": ["a", "bc"]}))
    assert digest(one) != digest(pa.table({"b": ["ab", "c"]}))
    assert digest(pa.table({"a": [""]})) != digest(pa.table({"a": pa.array([None], pa.string())}))
    assert digest(pa.table({"a": [1.0]})) != digest(pa.table({"a": pa.array([4607182418800017408])}))
