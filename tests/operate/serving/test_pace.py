"""A commit is a file to be kept: rows wait for each other on their way into the tables, but nobody waits for them."""

import os
import sys
import threading
import time
from datetime import timedelta

import pytest

from gradino.errors import ServiceError
from gradino.operate import lineage
from gradino.operate.serving import compact, compactor, waits
from gradino.operate.serving.compactor import COMPACTED
from tests.operate import records
from tests.operate.serving.conftest import Place
from tests.operate.serving.test_prediction_log import ids, scored, write

MINUTE = timedelta(minutes=1)


def marker(place: Place, seconds_ago: float) -> None:
    then = time.time() - seconds_ago
    os.utime(place.wal / COMPACTED, (then, then))


def test_rows_wait_for_each_other_and_not_longer_than_the_pace(place: Place) -> None:
    write(place.wal, scored("a"))
    assert compact(place.store, "production", MINUTE).predictions == 1, "the first ones at once"
    for name in ("b", "c"):
        write(place.wal, scored(name))
        assert compact(place.store, "production", MINUTE).predictions == 0
    marker(place, 59)
    assert compact(place.store, "production", MINUTE).predictions == 0
    marker(place, 61)
    assert compact(place.store, "production", MINUTE).predictions == 2
    assert place.store.tables.version("predictions") == 1
    write(place.wal, scored("d"))
    marker(place, -3600)
    assert compact(place.store, "production", MINUTE).predictions == 1, "a clock that was put back holds nothing up"
    assert ids(place) == ["a", "b", "c", "d"]


def test_many_rows_do_not_wait(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    compact(place.store, "production", MINUTE)
    monkeypatch.setattr(compactor, "_MOST_BYTES", 2000)
    write(place.wal, scored("a"))
    assert compact(place.store, "production", MINUTE).predictions == 0
    write(place.wal, *(scored(f"b{i}") for i in range(60)))
    assert compact(place.store, "production", MINUTE).predictions == 61
    assert compact(place.store, "production", MINUTE).predictions == 0


def test_who_asks_for_a_prediction_does_not_wait_for_the_pace(place: Place) -> None:
    compact(place.store, "production", MINUTE)
    write(place.wal, scored("a", "b"))
    assert not waits(place.store, "production", "never")
    assert compact(place.store, "production", MINUTE).predictions == 0
    assert waits(place.store, "production", "b")
    assert compact(place.store, "production", MINUTE).predictions == 2
    assert not waits(place.store, "production", "b")
    write(place.wal, scored("c"))
    assert compact(place.store, "production", MINUTE).predictions == 0, "asked once, moved once"


def test_a_trace_waits_for_what_was_just_answered(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    project = records.project(place.root)
    compact(place.store, "production", MINUTE)
    write(place.wal, scored("p1"))
    stopped = threading.Event()

    def operate() -> None:
        while not stopped.wait(0.05):
            compact(place.store, "production", MINUTE)
            lineage.seal(place.store)

    operator = threading.Thread(target=operate)
    operator.start()
    try:
        with pytest.raises(ServiceError, match="no version v1"):  # it was found: what answered is not on record here
            lineage.trace(project, place.store, "p1")
        with pytest.raises(ServiceError, match="no prediction p2"):
            lineage.trace(project, place.store, "p2")
    finally:
        stopped.set()
        operator.join()
    write(place.wal, scored("p3"))
    monkeypatch.setattr(sys.modules["gradino.operate.lineage.trace"], "_PATIENCE", 0.2)
    with pytest.raises(ServiceError, match="p3 was answered but is not sealed yet"):
        lineage.trace(project, place.store, "p3")
