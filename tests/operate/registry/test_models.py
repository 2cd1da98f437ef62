"""The registry people see: MLflow's versions and aliases."""

import os
from pathlib import Path

import pytest

from gradino.operate.project.process import call, start
from gradino.operate.registry import set_alias
from gradino.operate.store import Store
from tests.operate.conftest import Shop


def register(root: Path, run: str) -> list[int]:
    """Register a run twice, as after a crash; all versions that there are then."""
    from gradino.operate.registry import models, tracker

    client = tracker.client(Store(root))
    experiment = tracker.experiment(client, Store(root), "shop")
    tracked = client.create_run(experiment).info.run_id
    if not models.registered(client, "shop", run):
        models.register(client, "shop", run, tracked, root / "bundles" / run)
    found = models.registered(client, "shop", run)
    assert found is not None
    assert found[1] == root / "bundles" / run
    return [int(version.version) for version in client.search_model_versions("name = 'shop'")]


def aliases(root: Path) -> dict[str, int]:
    from gradino.operate.registry import tracker

    found = tracker.client(Store(root)).get_registered_model("shop").aliases
    return {alias: int(version) for alias, version in found.items()}


@pytest.mark.slow
def test_first_use_by_four_processes_at_once_makes_one_registry(shop: Shop) -> None:
    store = shop.store
    jobs = [start(register, shop.root / "log.txt", store.root, f"run-{n}") for n in range(4)]
    seen = [job.result() for job in jobs]
    assert max(map(len, seen)) == 4
    assert sorted(call(register, shop.root / "log.txt", store.root, "run-0")) == [1, 2, 3, 4]

    set_alias(shop.project, store, "champion", 1)
    set_alias(shop.project, store, "challenger", 2)
    set_alias(shop.project, store, "champion", 2)
    set_alias(shop.project, store, "challenger", None)
    set_alias(shop.project, store, "challenger", None)
    assert call(aliases, shop.root / "log.txt", store.root) == {"champion": 2}
    assert "mlruns" not in os.listdir(shop.root)
    assert "mlruns" not in os.listdir()
