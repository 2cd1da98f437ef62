"""What a version is held to: its losses on the holdout, as its bundle says."""

from functools import lru_cache
from pathlib import Path

from gradino.operate import registry
from gradino.operate.store import Store
from gradino.operate.store.state import versions


def reference(store: Store, version: int) -> registry.Reference:
    """The holdout losses of a version, and the scale that bounds them."""
    row = store.state.last(versions, versions.c.number == version)
    assert row is not None
    return _read(store.at_hand(f"bundles/{row.bundle}"))


@lru_cache(maxsize=16)
def _read(bundle: Path) -> registry.Reference:
    return registry.reference(bundle)
