"""What `[serving] keep` lets go is gone from table and disk, and the trace tells it from a file that was taken away."""

from datetime import timedelta

import pyarrow as pa

from gradino.operate import lineage
from gradino.operate.store.state import seals
from tests.operate.conftest import START, Shop

KEEP, LATER = timedelta(days=30), timedelta(days=40)


def aged(shop: Shop) -> None:
    """Two old files of one row each, and a new one."""
    row = {"event_time": START + LATER, "deployment": 1, "version": 1, "role": "champion", "prediction": 1.0}
    shop.store.tables.append("predictions", pa.Table.from_pylist([row | {"prediction_id": "p2"}]), "p2", 0)
    lineage.seal(shop.store)


def ids(shop: Shop) -> list[str]:
    table = shop.store.tables.read("predictions", columns=["prediction_id"])
    return sorted(table["prediction_id"].to_pylist()) if table else []


def test_whole_old_files_go_and_everything_else_stays_true(traced: Shop) -> None:
    store = traced.store
    aged(traced)
    before = store.tables.version("predictions")
    assert lineage.expire(store, KEEP, START + LATER) == 2
    assert ids(traced) == ["p2"]
    as_it_was = store.tables.read("predictions", before)
    assert as_it_was is not None
    assert len(as_it_was) == 3, "whoever stopped before can still go on"
    assert lineage.expire(store, KEEP, START + LATER) == 0
    assert len(list((store.root / "tables" / "predictions").glob("*.parquet"))) == 1
    lineage.seal(store)
    (link,) = lineage.trace(traced.project, store, "p0")
    assert link.verified
    assert link.says == "expired by retention"
    assert all(link.verified for link in lineage.everything(traced.project, store))
    assert all(link.verified for link in lineage.trace(traced.project, store, "p2"))
    added = store.tables.added("predictions", -1, store.tables.version("predictions"))
    assert added is not None
    assert added["prediction_id"].to_pylist() == ["p2"]
    aged(traced)
    assert len(store.state.rows(seals, seals.c.table == "predictions")) == 3, "an append of the same adds nothing"


def test_a_file_that_somebody_took_away_is_no_retention(traced: Shop) -> None:
    for file in (traced.store.root / "tables" / "predictions").glob("*.parquet"):
        file.unlink()
    (link,) = lineage.trace(traced.project, traced.store, "p0")
    assert not link.verified
    row = traced.store.state.rows(seals, seals.c.table == "predictions")[0]
    traced.store.state.change(seals, seals.c.id == row.id, expired=row.signature)
    (link,) = lineage.trace(traced.project, traced.store, "p0")
    assert not link.verified, "only we can say that a file has expired"


def test_nothing_goes_before_its_time(traced: Shop) -> None:
    assert lineage.expire(traced.store, KEEP, START + KEEP) == 0
    assert ids(traced) == ["p0", "p1"]
