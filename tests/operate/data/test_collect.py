"""Collect: from the project's source to versioned, verified rows."""

import hashlib
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow.parquet as pq
import pytest

from gradino.errors import DataError, IntegrityError
from gradino.operate.data import Collected, collect, verify
from gradino.operate.incidents import notice
from gradino.operate.store.state import data_versions, events, incidents
from tests.operate.conftest import START, Shop, hours


def rows(shop: Shop) -> pd.DataFrame:
    table = shop.store.tables.read("rows")
    assert table is not None
    return table.to_pandas().sort_values("hour", ignore_index=True)


def quarantine(shop: Shop) -> list[dict[str, object]]:
    table = shop.store.tables.read("quarantine")
    return table.to_pylist() if table else []


def collected(shop: Shop) -> Collected:
    found = collect(shop.project, shop.store)
    assert found is not None
    return found


def test_the_first_batch_becomes_a_version_that_is_known_by_its_content(shop: Shop) -> None:
    found = collected(shop)

    assert (found.version, found.rows, found.quarantined) == (0, 200, 0)
    assert found.until == START + timedelta(hours=199)
    kept = rows(shop)
    assert kept.drop(columns="_batch").equals(shop.frame)
    assert set(kept["_batch"]) == {found.raw}
    raw = shop.store.root / "raw" / f"{found.raw}.parquet"
    assert hashlib.sha256(raw.read_bytes()).hexdigest() == found.raw
    assert pq.read_table(raw).num_rows == 200
    (record,) = shop.store.state.rows(data_versions)
    assert (record.digest, record.raw, record.event_time) == (found.digest, found.raw, found.until)
    assert [e.title for e in shop.store.state.rows(events)] == ["first data: 200 rows until 2024-01-09 07:00"]


def test_what_is_there_is_not_added_again(shop: Shop) -> None:
    shop.rewrite(
        'frame[frame["hour"] > pd.Timestamp(since, tz="UTC")]', "frame"
    )  # a source that always delivers everything
    first = collected(shop)
    assert collect(shop.project, shop.store) is None
    shop.deliver(hours(0, 210))
    second = collected(shop)

    assert (second.version, second.rows) == (1, 10)
    assert rows(shop).drop(columns="_batch").equals(hours(0, 210))
    assert {file.stem for file in (shop.store.root / "raw").iterdir()} == {first.raw, second.raw}
    assert len(shop.store.state.rows(events)) == 1  # more of the same is no news


def test_the_source_is_asked_for_what_is_newer_than_the_table(shop: Shop) -> None:
    collected(shop)
    shop.rewrite(
        "def collect(since):\n", "def collect(since):\n    assert since.isoformat() == '2024-01-09T07:00:00'\n"
    )
    assert collect(shop.project, shop.store) is None


def test_a_late_row_finds_its_place_and_time_does_not_go_back(shop: Shop) -> None:
    shop.deliver(hours(10, 50))
    until = collected(shop).until
    shop.rewrite('frame[frame["hour"] > pd.Timestamp(since, tz="UTC")]', "frame")
    shop.deliver(hours(0, 60))
    late = collected(shop)
    assert (late.rows, late.until) == (10, until)
    assert rows(shop)["hour"].is_unique


def test_bad_rows_wait_in_quarantine_with_the_reason_once(shop: Shop) -> None:
    frame = hours(0, 60)
    frame.loc[[57, 58, 59], "warmth"] = 99.0  # the newest, so that every later answer repeats them
    shop.deliver(frame)
    first = collected(shop)
    assert (first.rows, first.quarantined) == (57, 3)
    assert collect(shop.project, shop.store) is None
    kept = quarantine(shop)
    assert len(kept) == 3
    assert {(row["reason"], row["_batch"]) for row in kept} == {("warmth: less_than_or_equal_to(50)", first.raw)}
    assert '"warmth":99.0' in str(kept[0]["row"])
    told = [e.title for e in shop.store.state.rows(events)]
    assert told[0] == "3 bad rows put in quarantine; most often: warmth: less_than_or_equal_to(50)"
    assert len(told) == 2


def test_a_batch_that_is_mostly_bad_stops_and_opens_one_incident(shop: Shop) -> None:
    collected(shop)
    frame = hours(0, 220)
    frame.loc[205:, "sold"] = -1.0
    shop.deliver(frame)
    for _ in range(2):
        with pytest.raises(DataError, match="15 of 20 new rows are bad; most often: sold") as caught:
            collect(shop.project, shop.store)
    assert len(rows(shop)) == 200
    assert quarantine(shop) == []
    notice(shop.store)
    (incident,) = shop.store.state.rows(incidents)
    assert incident.evidence["reasons"] == {"sold: greater_than_or_equal_to(0)": 15}
    assert incident.evidence["raw"] in caught.value.next
    assert (shop.store.root / "raw" / f"{incident.evidence['raw']}.parquet").exists()


def test_a_few_bad_rows_do_not_stop_a_source_that_delivers_few(shop: Shop) -> None:
    collected(shop)
    frame = hours(0, 202)
    frame.loc[200:, "sold"] = -1.0
    shop.deliver(frame)
    assert collect(shop.project, shop.store) is None
    assert len(quarantine(shop)) == 2


def test_a_changed_type_is_refused_before_anything_is_written(shop: Shop) -> None:
    shop.rewrite('schema = "shop:Hours"\n', "", file="gradino.toml")
    shop.deliver(hours(0, 20).assign(riders=1))
    collected(shop)
    frame = hours(0, 30).assign(riders=1.9)
    frame.loc[25, "sold"] = None
    shop.deliver(frame)
    with pytest.raises(DataError, match="column `riders` is int64 in the table, the batch brought double"):
        collect(shop.project, shop.store)
    assert (len(rows(shop)), quarantine(shop)) == (20, [])


@pytest.mark.parametrize(
    ("body", "what", "where"),
    [
        ('raise OSError("no route to the till")', "OSError: no route to the till", 'shop.py", line'),
        ("return 7", "returned int, not a data frame", "return a pandas"),
        (
            'return pd.read_csv("sales.csv").drop(columns="sold")',
            "no column `sold`; it has: hour, warmth, open",
            "`target`",
        ),
    ],
)
def test_a_source_that_fails_says_how(shop: Shop, body: str, what: str, where: str) -> None:
    shop.rewrite("def collect(since):\n", f"def collect(since):\n    {body}\n")
    with pytest.raises(DataError) as caught:
        collect(shop.project, shop.store)
    assert what in caught.value.what
    assert where in caught.value.next
    assert shop.store.tables.version("rows") == -1


def test_arrow_tables_mixed_types_and_naive_times_are_welcome(shop: Shop) -> None:
    shop.rewrite('schema = "shop:Hours"\n', "", file="gradino.toml")
    shop.rewrite(
        "def collect(since):\n",
        "def collect(since):\n"
        "    import pyarrow as pa\n"
        "    return pa.table({'hour': pa.array([0, 3_600_000_000], pa.timestamp('us')), 'sold': [1, 2]})\n",
    )
    assert collected(shop).until == datetime(1970, 1, 1, 1, tzinfo=UTC)


def test_an_empty_batch_is_nothing(shop: Shop) -> None:
    shop.deliver(hours(0, 0))
    assert collect(shop.project, shop.store) is None
    assert not list((shop.store.root / "raw").iterdir())


def test_one_flipped_byte_is_found_and_named(shop: Shop) -> None:
    first = collected(shop)
    shop.deliver(hours(0, 210))
    second = collected(shop)
    assert verify(shop.store, first.version) == first.digest
    assert verify(shop.store, second.version) == second.digest

    data = [shop.store.root / "tables" / "rows" / f for f in shop.store.tables.digests("rows", 0, {})]
    for file in (*data, shop.store.root / "raw" / f"{first.raw}.parquet"):
        content = file.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(IntegrityError, match=file.name):
                verify(shop.store, second.version)
        file.unlink()
        with pytest.raises(IntegrityError, match=f"{file.name}.* now has nothing"):
            verify(shop.store, second.version)
        file.write_bytes(content)
    shop.store.state.change(data_versions, data_versions.c.version == 1, digest="0" * 64)
    with pytest.raises(IntegrityError, match="does not add up"):
        verify(shop.store, 1)
