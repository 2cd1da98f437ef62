"""The server over time: counted once, whatever restarts; old minutes become hours; quantiles are Prometheus' own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradino.operate.monitoring import service
from gradino.operate.project.config import Serving
from gradino.operate.serving.metrics import BUCKETS, Requests, Snapshot, text
from gradino.operate.store import Store
from gradino.operate.store.state import metrics
from tests.operate import records

AT = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.of(tmp_path)
    records.live(store, 3)
    return store


def said(worker: int, requests: Requests, version: int = 3) -> Snapshot:
    answers = [(route, status, n) for (route, status), n in requests.answers.items()]
    latency = [(route, list(counts), requests.seconds[route]) for route, counts in requests.latency.items()]
    done = sum(n for _, status, n in answers if status == 200)
    return Snapshot(
        worker, 1, answers=answers, latency=latency, predictions=[(version, "champion", done)], waiting_rows=7
    )


def test_what_two_workers_count_is_added_up_by_the_minute_and_survives_a_restart(store: Store) -> None:
    first, second = Requests(), Requests()
    for _ in range(90):
        first.count("/v1/score", 200, 0.003)
    for _ in range(10):
        second.count("/v1/score", 503, 0.4)
    second.count("/health", 500, 0.1)
    second.count("/invocations", 422, 0.001)
    service.record(store, text([said(0, first), said(1, second)], 0, AT.timestamp() - 4), AT)
    service.record(store, text([said(0, first), said(1, second)], 0, AT.timestamp()), AT + timedelta(seconds=10))
    anew = Requests()  # worker 1 was replaced
    anew.count("/v1/score", 200, 0.003)
    service.record(store, text([said(0, first), said(1, anew)], 0, AT.timestamp()), AT + timedelta(seconds=40))
    rows = store.state.rows(metrics)
    assert [(row.answered, row.refused, row.failed, row.version) for row in rows] == [(90, 1, 10, 3), (1, 0, 0, 3)]
    assert sum(rows[0].latency) == 101
    assert rows[0].predictions == {"v3 champion": 90}
    assert store.state.cursor("requests", None) == {"answered": 91, "failed": 10}
    found = service.health(store, timedelta(minutes=5), AT + timedelta(minutes=2))
    assert found is not None
    assert found.failed == pytest.approx(10 / 102)
    assert found.p99 == pytest.approx(np.interp(0.99 * 102, [92, 102], [0.25, 0.5]))
    assert found.waiting == 14


def test_the_service_is_known_by_model_version_also_where_one_took_over_within_a_minute(store: Store) -> None:
    requests = Requests()
    for seconds, version, took in ((0, 3, 0.003), (10, 4, 0.3), (20, 4, 0.3)):
        if seconds == 10:
            records.live(store, 4)
        requests.count("/v1/score", 200 if version == 3 else 500, took)
        service.record(store, text([said(0, requests, version)], 0, 0), AT + timedelta(seconds=seconds))
    service.thin(store, AT + timedelta(days=3))
    found = service.by_version(store.state.rows(metrics))
    assert [(version, one.requests, one.failed) for version, one in found.items()] == [(3, 1, 0.0), (4, 2, 1.0)]
    assert found[3].p99 is not None
    assert found[4].p99 is not None
    assert found[3].p99 <= 0.005 < 0.25 <= found[4].p99


def test_old_minutes_become_hours_and_very_old_ones_go(store: Store) -> None:
    requests = Requests()
    for minute in range(0, 180, 20):
        for _ in range(10):
            requests.count("/v1/score", 200, 0.01)
        service.record(store, text([said(0, requests)], 0, 0), AT + timedelta(minutes=minute))
    service.thin(store, AT + timedelta(days=3))
    service.thin(store, AT + timedelta(days=3))
    rows = store.state.rows(metrics)
    assert [(row.seconds, row.answered, sum(row.latency)) for row in rows] == [(3600, 30, 30)] * 3
    service.thin(store, AT + timedelta(days=500))
    assert not store.state.rows(metrics)


@given(st.lists(st.floats(1e-4, 4.9), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(seconds: list[float], share: float) -> None:
    requests = Requests()
    for value in seconds:
        requests.count("x", 200, value)
    found = service.quantile(requests.latency["x"], share)
    assert found is not None
    true = sorted(seconds)[int(np.ceil(share * len(seconds))) - 1]
    edges = np.array([0.0, *BUCKETS])
    low = int(np.searchsorted(edges, true)) - 1
    assert edges[low] - 1e-12 <= found <= edges[low + 1] + 1e-12


def test_a_server_that_does_not_answer_is_no_sample(store: Store) -> None:
    assert not service.sample(store, Serving())
    from gradino.operate.store.state import services

    store.state.add(services, name="serving", pid=1, address="http://127.0.0.1:1")
    assert not service.sample(store, Serving())
    assert not store.state.rows(metrics)
