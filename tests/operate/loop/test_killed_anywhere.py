"""kill -9 at every step boundary of collect and release: the same final state, as if nothing had happened.

A boundary is a moment before something lasts: a commit of any database, a commit of a Delta table, a rename, a removal.
They are not listed here: a first, undisturbed life counts them, and each further life is killed at the next one.
"""

import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gradino.operate.project.process import JobError, call
from gradino.operate.store.state import deployments, events, releases, runs, seals, versions
from tests.operate.conftest import Shop, hours

pytestmark = pytest.mark.slow

TEST = """\
def test_there_is_a_model():
    import shop

    assert shop.train
"""
COUNTED = {"os.rename", "os.remove"}


def live(root: Path, life: str, fatal: int) -> int:
    """One life of the operator's work, in this very process, which is killed at boundary `fatal`; how many it met."""
    from deltalake import write_deltalake
    from sqlalchemy import Engine, event

    from gradino.operate import data, lineage, release
    from gradino.operate.project import load
    from gradino.operate.store import Store, tables

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
        if name in COUNTED and str(root) in str(given[0]):
            boundary()

    project, store = load(root), Store.of(root)
    collecting = sys.modules["gradino.operate.data.collect"]
    collecting.call = lambda job, log, *given: job(*given)  # type: ignore[attr-defined]
    tables.write_deltalake = write  # type: ignore[attr-defined]
    event.listen(Engine, "commit", boundary)
    sys.addaudithook(audited)
    if life == "collect":
        data.collect(project, store)
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
    from gradino.operate.store.state import gates

    if life == "collect":
        return
    data.collect(shop.project, shop.store)
    run = training.request(shop.store, shop.project, "a test", None)
    training.execute(shop.project, shop.store, run)
    release.propose(shop.store, None)
    said = {"says": "fine"}
    shop.store.state.add(gates, release=1, name="holdout", verdict="pass", evidence=said, seconds=0.0)


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


@pytest.mark.parametrize("life", ["collect", "release"])
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
    for fatal in range(1, boundaries + 1):
        killed = again(shop, tmp_path_factory)
        with pytest.raises(JobError, match="exit code -9"):
            call(live, log, killed.root, life, fatal)
        call(live, log, killed.root, life, 0)
        assert state(killed) == wanted, f"killed at boundary {fatal} of {boundaries}"
        call(live, log, killed.root, life, 0)
        assert state(killed) == wanted, f"lived once more after boundary {fatal} of {boundaries}"
        shutil.rmtree(killed.root)
    print(f"{life}: killed at {boundaries} boundaries")


def again(shop: Shop, factories: pytest.TempPathFactory) -> Shop:
    folder = factories.mktemp("life")
    shutil.copytree(shop.root, folder, dirs_exist_ok=True, symlinks=True)
    return Shop(folder)
