"""The promise: what was acknowledged is in the tables, once, whoever is killed at whatever moment."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import httpx
import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradino.operate.serving import compact
from gradino.operate.serving.columns import Columns, Layout
from gradino.operate.serving.commit import Entry, PredictionLog, Scored
from gradino.operate.serving.wal import Feedback, Label, Predictions, Reader, Schema, Segment, frame, segments
from tests.operate.serving.conftest import HERE, ROW, Place, Server

SCHEMA = Schema("regression", (("temperature", "number"), ("weather", "string")))
HOUR = 3_600_000_000


def scored(*ids: str, schema: Schema = SCHEMA, features: tuple[object, ...] = (1.5, "rain")) -> Scored:
    columns = Columns.of_rows(Layout(schema.fields, len(schema.fields)), [features] * len(ids))
    numbers = np.arange(len(ids))
    return Scored(schema, 1, 1, "champion", 0, list(ids), numbers * HOUR, numbers.astype(float), columns)


def write(folder: Path, *records: Scored | Feedback, **options: int) -> None:
    """Log the records one flush each, and close."""
    log = PredictionLog(folder, **options)
    for record in records:
        safe = threading.Event()
        log.put(Entry([record], lambda failure, safe=safe: failure or safe.set()))
        assert safe.wait(10)
    log.close()


def ids(place: Place) -> list[str]:
    table = place.store.tables.read("predictions", columns=["prediction_id"])
    return sorted(table["prediction_id"].to_pylist()) if table else []


@given(cut=st.integers(0, 10_000), flip=st.none() | st.integers(0, 10_000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_to_the_tail_of_a_segment_what_is_read_is_a_beginning(
    tmp_path: Path, cut: int, flip: int | None
) -> None:
    encoder = msgspec.msgpack.Encoder()
    records = [Feedback(n, [Label(str(n), n / 7, n)]) for n in range(20)]
    whole = b"".join(frame(encoder, record) for record in records)
    damaged = bytearray(whole[: cut % (len(whole) + 1)])
    if flip is not None and damaged:
        damaged[flip % len(damaged)] ^= 0x10
    path = tmp_path / "1-1.wal"
    path.write_bytes(damaged)
    read = [record for _, record in Reader(path).records(0)]
    assert read == records[: len(read)]
    if flip is None:
        ends = [len(b"".join(frame(encoder, r) for r in records[: n + 1])) for n in range(20)]
        assert len(read) == sum(end <= len(damaged) for end in ends)


def test_a_segment_is_finished_only_when_its_writer_let_go(tmp_path: Path) -> None:
    segment = Segment(tmp_path, durable=True)
    (reader,) = segments(tmp_path)
    assert not reader.finished()
    segment.close()
    assert reader.finished()


def test_a_segment_that_grew_large_is_followed_by_another(place: Place) -> None:
    write(place.wal, *[scored(f"p{i}") for i in range(20)], limit=300)
    assert len(segments(place.wal)) > 3
    assert compact(place.store, "production").predictions == 20
    assert ids(place) == sorted(f"p{i}" for i in range(20))
    assert segments(place.wal) == []


def test_one_call_is_one_commit_a_table(place: Place) -> None:
    for n in range(4):
        write(place.wal, scored(f"a{n}", f"b{n}"), Feedback(0, [Label(f"a{n}", 1.0, HOUR)]))
    done = compact(place.store, "production")
    assert (done.predictions, done.feedback) == (8, 4)
    assert done.newest_event_time is not None
    assert done.newest_event_time.isoformat() == "1970-01-01T01:00:00+00:00"
    assert place.store.tables.version("predictions") == place.store.tables.version("feedback") == 0
    assert compact(place.store, "production").predictions == 0
    assert place.store.tables.version("predictions") == 0


def test_a_segment_in_use_is_read_as_far_as_it_is_and_again_later(place: Place) -> None:
    log = PredictionLog(place.wal)
    for n in range(3):
        safe = threading.Event()
        log.put(Entry([scored(f"p{n}"), Feedback(0, [Label(f"p{n}", 1.0, 0)])], lambda _, safe=safe: safe.set()))
        assert safe.wait(10)
        done = compact(place.store, "production")
        assert (done.predictions, done.feedback) == (1, 1)
        assert len(segments(place.wal)) == 1
    log.close()
    compact(place.store, "production")
    assert segments(place.wal) == []
    assert ids(place) == ["p0", "p1", "p2"]


def test_columns_are_typed_and_a_feature_that_changes_its_type_bends_nothing(place: Place) -> None:
    other = Schema("regression", (("temperature", "integer"), ("weather", "number"), ("wind", "boolean")))
    write(place.wal, scored("a"))
    compact(place.store, "production")
    write(place.wal, scored("b", schema=other, features=(7, 2.5, True)))
    compact(place.store, "production")
    table = place.store.tables.read("predictions")
    assert table is not None
    rows = {row["prediction_id"]: row for row in table.to_pylist()}
    assert rows["b"]["x_temperature"] == 7.0
    assert rows["b"]["x_weather"] in ("2.5", None)
    assert rows["b"]["x_wind"] is True
    assert rows["a"]["x_wind"] is None
    assert table.schema.field("event_time").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("x_temperature").type == pa.float64()


def test_a_disk_that_is_full_refuses_and_recovers(tmp_path: Path) -> None:
    code = f"""
import resource, sys, threading
sys.path[:0] = [{str(HERE)!r}]
from pathlib import Path
from queue import SimpleQueue
from test_prediction_log import Entry, PredictionLog, scored, segments
folder = Path({str(tmp_path)!r})
log = PredictionLog(folder)
def put(*ids):
    said = []
    safe = threading.Event()
    log.put(Entry([scored(*ids)], lambda failure: (said.append(failure), safe.set())))
    assert safe.wait(10)
    return said[0]
assert put("before") is None
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
assert isinstance(put(*(f"lost{{i}}" for i in range(1000))), OSError)
assert put("between") is None
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert put(*(f"after{{i}}" for i in range(1000))) is None
log.close()
scores = [r for s in segments(folder) for _, r in s.records(0) if hasattr(r, "role")]
rows = [i for record in scores for i in record.ids]
assert rows == ["before", "between", *(f"after{{i}}" for i in range(1000))], rows[:5]
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_a_slow_disk_makes_groups_larger_not_the_wait_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fdatasync", lambda _: time.sleep(0.05))
    log = PredictionLog(tmp_path)
    told: SimpleQueue[OSError | None] = SimpleQueue()
    for i in range(200):
        log.put(Entry([scored(f"p{i}")], told.put))
    assert [told.get(timeout=5) for _ in range(200)] == [None] * 200
    assert log.commits < 20
    log.close()
    records = [record for s in segments(tmp_path) for _, record in s.records(0) if isinstance(record, Predictions)]
    assert [i for record in records for i in record.ids] == [f"p{i}" for i in range(200)]


@pytest.mark.slow
def test_a_compactor_killed_at_any_point_leaves_every_row_once(tmp_path: Path) -> None:
    root = HERE.parents[2]
    ended = subprocess.run(
        [sys.executable, str(HERE / "kill_the_compactor.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        env={"PYTHONPATH": str(root), "PATH": ""},
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 20  # points at which it was killed


@pytest.mark.slow
def test_workers_and_compactors_killed_under_traffic_lose_and_double_nothing(
    place: Place, serve: Callable[..., Server]
) -> None:
    place.version(1, "times:1")
    place.deploy(1)
    server = serve(workers=2)
    server.serves(1)
    acknowledged: list[str] = []
    stop = threading.Event()

    def client() -> None:
        connection = httpx.Client(timeout=10)
        while not stop.is_set():
            try:
                answer = connection.post(f"http://127.0.0.1:{server.port}/v1/score", json={"rows": [ROW, ROW]})
                assert answer.status_code == 200
                acknowledged.extend(p["id"] for p in answer.json()["predictions"])
            except httpx.TransportError:
                connection.close()
                connection = httpx.Client(timeout=10)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(6)]
    for thread in threads:
        thread.start()
    chance = random.Random(5)
    command = [sys.executable, "-c", COMPACT_FOREVER, str(place.root)]
    killed = 0
    try:
        for _ in range(6):
            compactor = subprocess.Popen(command)
            time.sleep(1.0 + chance.random())
            victim = chance.choice([w["pid"] for w in server.workers()])
            os.kill(victim, signal.SIGKILL)
            killed += 1
            compactor.kill()
            compactor.wait()
            server.until(lambda victim=victim: victim not in {w["pid"] for w in server.workers()})
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    server.stop()
    compact(place.store, "production")
    counted = Counter(ids(place))
    assert killed == 6
    assert len(acknowledged) > 100
    assert set(acknowledged) <= counted.keys()
    assert set(counted.values()) == {1}
    assert segments(place.wal) == []


COMPACT_FOREVER = """
import sys, pathlib
from gradino.operate.serving import compact
from gradino.operate.store import Store
store = Store.of(pathlib.Path(sys.argv[1]))
while True:
    compact(store, "production")
"""
