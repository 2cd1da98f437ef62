"""State: what is written is there, once, whoever writes at the same time."""

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gradino.operate.store import Store
from gradino.operate.store.state import cursors, events, gates, runs
from tests.operate.store.contract.conftest import Place


def test_rows_come_back_as_they_were_oldest_first(store: Store) -> None:
    for name in "abc":
        store.state.add(runs, id=name, status="queued", reason="naïve “reason” 🚲")
    assert [row.id for row in store.state.rows(runs)] == ["a", "b", "c"]
    assert [row.id for row in store.state.rows(runs, newest=2)] == ["b", "c"]
    last = store.state.last(runs, runs.c.status == "queued")
    assert last is not None
    assert (last.id, last.reason, last.metrics) == ("c", "naïve “reason” 🚲", None)
    assert store.state.last(runs, runs.c.status == "running") is None
    assert store.state.change(runs, runs.c.id > "a", status="finished") == store.state.count(runs) - 1
    store.state.remove(runs, runs.c.id == "a")
    assert {row.status for row in store.state.rows(runs)} == {"finished"}


def test_moments_are_utc_whatever_zone_they_came_in(store: Store) -> None:
    noon = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    store.state.add(runs, id="a", status="queued", reason="", event_time=noon)
    (row,) = store.state.rows(runs, runs.c.event_time == noon)
    assert row.event_time == noon
    assert row.event_time.tzinfo is UTC
    assert abs(row.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert store.state.count(runs, runs.c.event_time < noon - timedelta(microseconds=1)) == 0


def test_evidence_may_be_any_json_and_numbers_that_are_not_finite(store: Store) -> None:
    evidence = {"z": 1, "a": [0.1 + 0.2, None, "ø", {"deep": True}], "e": math.inf, "against": -math.inf}
    store.state.add(gates, release=1, name="holdout", verdict="pass", evidence=evidence | {"n": math.nan}, seconds=0.1)
    (row,) = store.state.rows(gates)
    assert math.isnan(row.evidence.pop("n"))
    assert list(row.evidence.items()) == list(evidence.items())


def test_the_same_thing_is_told_once_also_by_many_at_a_time(store: Store) -> None:
    def tell(number: int) -> bool:
        return store.state.tell("data", f"told {number}", f"key {number % 5}")

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(tell, range(40))) == 5
    assert sorted(row.key for row in store.state.rows(events)) == [f"key {n}" for n in range(5)]


def test_what_is_read_in_a_transaction_holds_until_it_is_committed(store: Store) -> None:
    """Forty increments by four threads are forty: writers take turns."""

    def increment(_: int) -> None:
        with store.state.begin() as connection:
            row = connection.execute(cursors.select().where(cursors.c.name == "n")).first()
            store.state.move_cursor(connection, "n", row.value + 1 if row else 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(40)))
    assert store.state.cursor("n", None) == 40
    assert store.state.cursor("m", "nothing") == "nothing"


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    store.state.tell("data", "before", "before")

    def fail() -> None:
        with store.state.begin() as connection:
            store.state.move_cursor(connection, "n", 1)
            connection.execute(events.delete())
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail()
    assert store.state.cursor("n", None) is None
    assert store.state.count(events) == 1


def test_another_process_sees_what_was_written(place: Place, store: Store) -> None:
    store.state.tell("data", "here", "here")
    assert [row.title for row in place.store.state.rows(events)] == ["here"]
