"""`kill_the_merge.py FOLDER`: kill it before each thing it changes, let another one finish, look at every row.

Each merge is a fork of this process, which itself never touches a table: delta-rs does not survive a fork.
"""

import os
import shutil
import signal
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.dataset  # noqa: F401  # once here, not in every fork
from obstore.store import LocalStore
from sqlalchemy import Engine, event

from gradino.operate import lineage
from gradino.operate.lineage import links
from gradino.operate.store import Store
from gradino.operate.store.state import seals
from gradino.operate.store.tables import Tables
from tests.operate import records
from tests.operate.forked import forked

merging = import_module("gradino.operate.lineage.merge")
LOG, FILES = "predictions", 5


def prepare(root: Path) -> None:
    """A sealed log of small files."""
    store = Store(root)
    store.root.mkdir()
    records.version(store, 1)
    production = records.Production(store, records.live(store, 1))
    for _ in range(FILES):
        production.predict({1: [1.0, 2.0]}, answering=1)
    lineage.seal(store)


def merge(store: Store) -> int:
    """Two merges of a tier, and one of the next: called twice, so that what was merged is deleted."""
    merging.FAN, merging.GRACE = 2, timedelta(0)  # type: ignore[attr-defined]
    return lineage.merge(store) + lineage.merge(store)


def die_at(fatal: int, told: Path) -> None:
    """Kill this process at its `fatal`th boundary: before each change, each step of it, and each commit of SQL."""
    met = 0

    def boundary(*_: object) -> None:
        nonlocal met
        met += 1
        told.write_text(str(met))
        if met == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def change(*given: Any, **named: Any) -> Any:
            boundary()
            return real(*given, **named)

        setattr(owner, name, change)

    event.listen(Engine, "commit", boundary)
    for name in ("stage", "replace", "forget", "tidy"):
        watched(Tables, name)
    watched(LocalStore, "delete")
    watched(LocalStore, "put")


def check(root: Path) -> None:
    store = Store(root)
    merge(store)
    lineage.seal(store)
    assert merge(store) == 0
    table = store.tables.read(LOG, columns=["prediction_id"])
    added = store.tables.added(LOG, -1, store.tables.version(LOG))
    assert table is not None
    assert added is not None
    assert len(set(table["prediction_id"].to_pylist())) == len(table) == len(added) == 2 * FILES
    sealed = store.state.rows(seals, seals.c.table == LOG)
    assert len(sealed) == 2
    files = {row.file for row in sealed}
    assert files == set(store.tables.files(LOG)) == {file.name for file in (root / "tables" / LOG).glob("*.parquet")}
    for row in sealed:
        found = links.log(store, row, store.tables.content(LOG, row.file), rows=True)
        assert found.verified, found


def main(folder: Path) -> int:
    assert forked(lambda: prepare(folder / "prepared")) == 0
    points = 0
    while True:
        points += 1
        root = folder / str(points)
        shutil.copytree(folder / "prepared", root)

        def crash(root: Path = root, fatal: int = points) -> None:
            die_at(fatal, folder / "met")
            merge(Store(root))

        ended = forked(crash)
        assert forked(lambda root=root: check(root)) == 0, points  # type: ignore[misc]
        shutil.rmtree(root)
        if ended != -signal.SIGKILL:
            assert ended == 0
            return points - 1


print(main(Path(sys.argv[1])))
