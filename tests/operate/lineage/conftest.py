"""A shop with a history: what lineage tells of."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from gradino.operate import data, lineage, training
from gradino.operate.release import certificate
from gradino.operate.store.state import deployments
from tests.operate.conftest import START, Shop


@pytest.fixture
def traced(shop: Shop) -> Iterator[Shop]:
    """A shop with one model, deployed by a signed decision, and two predictions in two files of the sealed log."""
    store, project = shop.store, shop.project
    data.collect(project, store)
    training.execute(project, store, training.request(store, project, "first", None))
    decided = certificate.issue(
        store, "gates", "v1", "pass", None, inputs={}, evidence={}, reasons=["all gates passed"]
    )
    store.state.add(deployments, environment="production", champion=1, weight=0.0, reason="first", decision=decided)
    for key in ("p0", "p1"):
        row = {"prediction_id": key, "event_time": START, "deployment": 1, "version": 1, "role": "champion"}
        table = pa.Table.from_pylist([row | {"prediction": 1.0}])
        store.tables.append("predictions", table, key, 0)
    lineage.seal(store)
    yield shop
    store.state.close()
