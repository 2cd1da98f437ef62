"""kill -9 at every step boundary of collect, train and release: the same final state, as if nothing had happened.

A boundary is a moment before something lasts: a commit of any database, a commit of a Delta table, a rename, a link, a
removal. They are not listed here: a first, undisturbed life counts them, and each further one is killed at the next.
"""

import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gradino.operate.project.process import JobError, call
from gradino.operate.store.state import (
    decisions,
    deployments,
    events,
    gates,
    incidents,
    metrics,
    now,
    releases,
    runs,
    seals,
    versions,
)
from tests.operate import records
from tests.operate.conftest import Shop, hours

pytestmark = pytest.mark.slow

TEST = """\
def test_there_is_a_model():
    import shop

    assert shop.train
"""
COUNTED = {"os.rename", "os.remove", "os.symlink"}
LIVES = ["collect", "train", "release", "dismissal", "roll back"]


def live(root: Path, life: str, fatal: int) -> int:
    """One life of the operator's work, in this very process, which is killed at boundary `fatal`; how many it met."""
    from deltalake import write_deltalake
    from sqlalchemy import Engine, event

    from gradino.operate import data, lineage, release, training
    from gradino.operate.project import load
    from gradino.operate.store import Store, tables
    from gradino.operate.training import compute

    class Here:
        """A training job that is part of this life."""

        def __init__(self, task: Any) -> None:
            self.result = partial(compute._work, task)

        def done(self, _seconds: float) -> bool:
            return True

    met = 0

    def boundary(*_: object) -> None:
        nonlocal met
        met += 1
        if met == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def write(*given: Any, **named: Any) -> None:
        boundary()
        write_deltalake(*given, **named)

    def audited(name: str, given: tuple[Any, ...]) -> None:
        if name in COUNTED and any(str(root) in str(path) for path in given[:2]):
            boundary()

    project, store = load(root), Store.of(root)
    collecting = sys.modules["gradino.operate.data.collect"]
    collecting.call = lambda job, log, *given: job(*given)  # type: ignore[attr-defined]
    compute.submit = lambda project, task, log: Here(task)  # type: ignore[assignment,return-value]
    tables.write_deltalake = write  # type: ignore[attr-defined]
    event.listen(Engine, "commit", boundary)
    sys.addaudithook(audited)
    if life == "collect":
        data.collect(project, store)
    elif life == "train":
        for run in store.state.rows(runs, runs.c.status.in_(("queued", "running"))):
            training.execute(project, store, run.id)
    else:
        release.propose(store, store.clock())
        for opened in store.state.rows(releases, releases.c.stage == "gates"):
            release.after_gates(project, store, opened.id, store.clock())
        release.advance(project, store, store.clock())
        lineage.seal(store)
    return met


def prepare(shop: Shop, life: str) -> None:
    """Everything up to the life that is examined, undisturbed."""
    from gradino.operate import data, release, training

    match life:
        case "dismissal":
            fail(shop, "ramp")
        case "roll back":
            fail(shop, "probation")
        case "train" | "release":
            data.collect(shop.project, shop.store)
            run = training.request(shop.store, shop.project, "a test", None)
            call(track, shop.root / "log.txt", shop.root)  # the migrations are MLflow's own
            if life == "release":
                training.execute(shop.project, shop.store, run)
                release.propose(shop.store, None)
                said = {"says": "fine"}
                shop.store.state.add(gates, release=1, name="holdout", verdict="pass", evidence=said, seconds=0.0)


def fail(shop: Shop, stage: str) -> None:
    """A release of v2 over v1 on live traffic, of which most requests fail: records only, no models."""
    from gradino.operate.release import experiment

    store, challenged = shop.store, stage == "ramp"
    records.version(store, 1, status="champion" if challenged else "retired")
    records.version(store, 2, status="challenger" if challenged else "champion")
    evidence = experiment.begin(shop.project.release, 1) | {"j": 1, "since": -1, "health": [-1, 0, 0]}
    store.state.add(
        releases, version=2, champion=1, stage=stage, weight=0.05 if challenged else 1.0, position=-1,
        experiment={"decision": "d"}, probation=None if challenged else evidence,
    )  # fmt: skip
    records.live(store, 1, challenger=2, weight=0.05)
    if not challenged:
        records.live(store, 2, challenger=1)
    store.state.add(
        metrics, start=now(), seconds=60, version=1, answered=10, refused=0, failed=90,
        latency=[10, *[0] * 12], predictions={}, waiting=0.0, log_lag=0.0,
    )  # fmt: skip


def track(root: Path) -> None:
    from gradino.operate.registry import tracker
    from gradino.operate.store import Store

    tracker.client(Store.of(root))


def state(shop: Shop) -> dict[str, object]:
    """All that lasts, without wall-clock times, random names and what is told of them."""
    store = shop.store
    rows = store.tables.read("rows")
    bad = store.tables.read("quarantine")
    found = {
        "rows": sorted(map(repr, rows.to_pylist())) if rows else [],
        "quarantine": sorted(map(repr, bad.to_pylist())) if bad else [],
        "told": sorted((row.kind, row.title) for row in store.state.rows(events)),
        "runs": [(row.status, row.version) for row in store.state.rows(runs)],
        "versions": [(row.number, row.run, row.status) for row in store.state.rows(versions)],
        "releases": [(row.version, row.stage, row.verdict) for row in store.state.rows(releases)],
        "deployments": [(row.environment, row.champion, row.challenger) for row in store.state.rows(deployments)],
        "decisions": sorted((row.kind, row.subject, row.verdict) for row in store.state.rows(decisions)),
        "incidents": [(row.kind, row.title) for row in store.state.rows(incidents)],
        "seals": [(row.table, row.seal) for row in store.state.rows(seals)],
        "bundles": len(list((store.root / "bundles").glob("[0-9a-f]*"))),
        "raw": sorted(file.name for file in (store.root / "raw").glob("[0-9a-f]*")),
        "registered": registered(store.root / "mlflow.db"),
    }
    store.state.close()
    return found


def registered(database: Path) -> list[tuple[object, ...]]:
    """What people see in MLflow, read as anybody would who opens its database."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("select name, version from model_versions").fetchall()


@pytest.mark.parametrize("life", LIVES)
def test_killed_at_any_boundary_and_lived_again_nothing_is_lost_or_doubled(
    life: str, shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    frame = hours(0, 60)
    frame.loc[50, "sold"] = -1.0
    shop.deliver(frame)
    (shop.root / "tests").mkdir()
    (shop.root / "tests" / "test_shop.py").write_text(TEST)
    prepare(shop, life)
    shop.store.state.close()
    undisturbed, log = again(shop, tmp_path_factory), shop.root / "log.txt"
    boundaries = call(live, log, undisturbed.root, life, 0)
    wanted = state(undisturbed)
    assert boundaries >= 2
    call(live, log, undisturbed.root, life, 0)
    assert state(undisturbed) == wanted, "lived once more"
    for fatal in range(1, boundaries + 1):
        killed = again(shop, tmp_path_factory)
        with pytest.raises(JobError, match="exit code -9"):
            call(live, log, killed.root, life, fatal)
        call(live, log, killed.root, life, 0)
        assert state(killed) == wanted, f"killed at boundary {fatal} of {boundaries}"
        shutil.rmtree(killed.root)
    print(f"{life}: killed at {boundaries} boundaries")


def again(shop: Shop, factories: pytest.TempPathFactory) -> Shop:
    folder = factories.mktemp("life")
    shutil.copytree(shop.root, folder, dirs_exist_ok=True, symlinks=True)
    return Shop(folder)
