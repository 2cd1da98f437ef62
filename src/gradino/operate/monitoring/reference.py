"""What a version is held to: its losses on the holdout, as its bundle says, and how many labels a year brings."""

from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import pyarrow.compute as pc

from gradino.operate import registry
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store.state import versions

_YEAR = timedelta(days=365.25)


def reference(store: Store, version: int) -> registry.Reference:
    """The holdout losses of a version, and the scale that bounds them."""
    row = store.state.last(versions, versions.c.number == version)
    assert row is not None
    return _read(store.root / "bundles" / row.bundle)


def labels_a_year(project: Project, store: Store) -> float:
    """How many labels production will bring in a year, if it goes on as the collected data did; at least 100."""
    time = project.project.time
    rows = store.tables.read("rows", columns=[time])
    if rows is None or not len(rows):
        return 100.0
    span = pc.max(rows[time]).as_py() - pc.min(rows[time]).as_py()
    return max(100.0, len(rows) * float(_YEAR / max(span, timedelta(days=1))))


@lru_cache(maxsize=16)
def _read(bundle: Path) -> registry.Reference:
    return registry.reference(bundle)
