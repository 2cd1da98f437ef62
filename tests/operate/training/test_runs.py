"""A run, from asking for it to a model version that can be trusted."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from gradino.errors import GradinoError, TrainingError
from gradino.operate.data import collect
from gradino.operate.project.process import call
from gradino.operate.registry import load, public_key
from gradino.operate.registry.bundle import Lineage, lineage, reference
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions, events, runs, versions
from gradino.operate.training import execute, request
from tests.operate.conftest import START, Shop


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """A shop with collected rows."""
    collect(shop.project, shop.store)
    return shop


def trained(shop: Shop) -> int:
    version = execute(shop.project, shop.store, request(shop.store, shop.project, "a test", START))
    assert version is not None
    return version


def failed(shop: Shop) -> GradinoError:
    run = request(shop.store, shop.project, "a test", START)
    with pytest.raises(GradinoError) as caught:
        execute(shop.project, shop.store, run)
    row = shop.store.state.last(runs)
    assert row is not None
    assert (row.status, row.version, row.error) == ("failed", None, str(caught.value))
    assert execute(shop.project, shop.store, run) is None
    assert shop.store.state.count(versions) == 0
    assert not list(shop.store.folder("bundles").iterdir())
    return caught.value


def tracked(root: Any) -> list[dict[str, Any]]:
    """The runs that people see in MLflow."""
    from gradino.operate.registry import tracker

    client = tracker.client(Store(root))
    experiment = client.get_experiment_by_name("shop")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    return [
        {
            "id": r.info.run_id,
            "status": r.info.status,
            "params": r.data.params,
            "metrics": r.data.metrics,
            "tags": r.data.tags,
            "artifacts": r.info.artifact_uri,
        }
        for r in found
    ]


def test_a_run_becomes_a_version_that_knows_where_it_came_from(stocked: Shop) -> None:
    stocked.rewrite(
        "def train(frame):\n",
        "def train(frame):\n    import mlflow\n    mlflow.log_metric('mine', 7)\n"
        "    assert set(frame.columns) == {'hour', 'warmth', 'open', 'sold'} and len(frame) in (160, 200)\n"
        "    assert frame['hour'].is_monotonic_increasing and frame['hour'].dt.tz is None\n"
        "    print('now I learn')\n",
    )
    store = stocked.store
    version = trained(stocked)

    run, found = store.state.last(runs), store.state.last(versions)
    data = store.state.last(data_versions)
    assert run
    assert found
    assert data
    assert (run.status, run.version, found.number, found.run, found.status) == (
        "finished", version, version, run.id, "candidate",
    )  # fmt: skip
    assert (run.data_version, run.data_digest) == (data.version, data.digest)
    assert run.metrics["mean_absolute_error"] < 2 < 5 < run.metrics["baseline"]

    path = store.root / "bundles" / found.bundle
    assert lineage(path) == Lineage(
        run.id, run.commit, run.diff, run.code, run.environment, run.data_version, run.data_digest, run.seed,
        run.tracker_run, run.metrics, run.parameters, run.machine, run.slices,
    )  # fmt: skip
    assert run.diff is not None
    model = load(path, found.bundle, public_key(store))
    assert np.abs(model.predict(stocked.frame) - stocked.frame["sold"]).mean() < 2

    folder = store.root / "runs" / run.id
    assert "now I learn" in (folder / "log.txt").read_text()
    assert not list(folder.glob("staged*"))
    assert [e.key for e in store.state.rows(events, events.c.kind == "run")] == [
        f"run:{run.id}", f"run:{run.id}:finished",
    ]  # fmt: skip

    (seen,) = call(tracked, folder / "log.txt", store.root)
    assert (seen["id"], seen["status"]) == (run.tracker_run, "FINISHED")
    assert seen["metrics"] == run.metrics | {"mine": 7}
    assert seen["params"]["seed"] == str(run.seed)
    assert seen["tags"]["gradino.data_digest"] == data.digest
    assert seen["artifacts"].startswith(store.root.as_uri())

    assert execute(stocked.project, store, run.id) == version  # again changes nothing
    assert trained(stocked) == version + 1
    everything = {path.name for path in stocked.root.iterdir()}
    assert everything == {
        ".git", ".gitignore", ".gradino", "gradino.toml", "pyproject.toml", "sales.csv", "shop.py", "uv.lock",
    }  # fmt: skip


def test_released_is_what_learnt_from_all_rows_and_tested_what_had_not_seen_the_holdout(stocked: Shop) -> None:
    trained(stocked)
    found = stocked.store.state.last(versions)
    assert found
    path, key = stocked.store.root / "bundles" / found.bundle, public_key(stocked.store)
    frame, columns = stocked.frame, ["warmth", "open"]
    for tested, rows in ((False, 200), (True, 160)):
        expected = LinearRegression().fit(frame[columns][:rows], frame["sold"][:rows]).predict(frame[columns])
        np.testing.assert_allclose(load(path, found.bundle, key, tested=tested).predict(frame), expected)
    told, newest = reference(path), frame[160:]
    lost = np.abs(load(path, found.bundle, key, tested=True).predict(newest) - newest["sold"])
    np.testing.assert_allclose(told.losses, np.minimum(lost / told.scale, 1), atol=1e-6)
    assert told.since == newest["hour"].min()


def test_a_function_that_raises_is_shown_at_its_own_line(stocked: Shop) -> None:
    stocked.rewrite("return LinearRegression()", 'raise ValueError("too warm")\n    return LinearRegression()')
    error = failed(stocked)
    assert isinstance(error, TrainingError)
    assert error.what == "shop:train failed: ValueError: too warm"
    number = next(
        n for n, line in enumerate((stocked.root / "shop.py").read_text().splitlines(), 1) if "too warm" in line
    )
    assert f'File "{stocked.root}/shop.py", line {number}, in train' in error.next
    assert "site-packages" not in error.next
    (seen,) = call(tracked, stocked.root / "log.txt", stocked.store.root)
    assert seen["status"] == "FAILED"


@pytest.mark.parametrize(
    ("old", "new", "file", "what"),
    [
        ('train = "shop:train"', 'train = "shop:train"\nmetric = "f2"', "gradino.toml", "no metric `f2`"),
        ('frame[["warmth", "open"]]', 'frame[["warmth", "open"]].to_numpy()', "shop.py", "does not say which columns"),
        ('return LinearRegression()', "import os; os._exit(3)", "shop.py", "ended with exit code 3"),
    ],
)  # fmt: skip
def test_what_cannot_become_a_version_fails_with_the_reason(
    stocked: Shop, old: str, new: str, file: str, what: str
) -> None:
    stocked.rewrite(old, new, file)
    assert what in failed(stocked).what


def test_without_rows_there_is_nothing_to_train_on(shop: Shop) -> None:
    assert "no rows to train on" in failed(shop).what


def test_in_other_versions_than_the_locked_ones_nothing_is_trained(stocked: Shop) -> None:
    stocked.rewrite(
        'source = { virtual = "." }', 'source = { virtual = "." }\ndependencies = [{ name = "nothing" }]', "uv.lock"
    )
    with (stocked.root / "uv.lock").open("a") as file:
        file.write(
            '\n[[package]]\nname = "nothing"\nversion = "9"\nsource = { registry = "https://index.example/simple" }\n'
        )
    stocked.rewrite('version = "0.1.0"', 'version = "0.1.0"\ndependencies = ["nothing"]', "pyproject.toml")
    assert "not the locked environment: nothing==9 is not installed" in failed(stocked).what


def test_the_same_seed_gives_the_same_draws(stocked: Shop) -> None:
    stocked.rewrite(
        "def train(frame):\n",
        "def train(frame):\n    import numpy\n    print('drawn', numpy.random.rand())\n",
    )
    trained(stocked)
    row = stocked.store.state.last(runs)
    assert row
    log = (stocked.store.root / "runs" / row.id / "log.txt").read_text()
    np.random.seed(row.seed)
    assert f"drawn {np.random.rand()}" in log


def test_ids_sort_by_time_and_differ(shop: Shop) -> None:
    ids = [request(shop.store, shop.project, "a test", None) for _ in range(5)]
    assert len(set(ids)) == 5
    assert sorted(i[:9] for i in ids) == [i[:9] for i in ids]
