"""kill -9 anywhere in collect: calling it again gives what an undisturbed collect would have given."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradino.operate.data import collect
from gradino.operate.project import load
from gradino.operate.project.process import JobError, call
from gradino.operate.store import Store
from gradino.operate.store.state import State, data_versions, events
from gradino.operate.store.tables import Tables
from tests.operate.conftest import Shop, hours

STEPS = 6  # quarantine told, quarantine appended, rows appended, first data told, version recorded, files seen


def collect_and_die(root: Path, step: int) -> None:
    """Collect in this very process and kill it right after the `step`-th write."""
    left = iter(range(step, -1, -1))

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            if next(left) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return write

    module = sys.modules["gradino.operate.data.collect"]
    module.call = lambda function, log, *args: function(*args)  # type: ignore[attr-defined]
    Tables.append = deadly(Tables.append)  # type: ignore[method-assign]
    State.add_once = deadly(State.add_once)  # type: ignore[method-assign]
    module._seen = deadly(module._seen)  # type: ignore[attr-defined]
    collect(load(root), Store.of(root))


def state(shop: Shop) -> dict[str, object]:
    """All that lasts, without wall-clock times and file names."""
    tables = shop.store.tables
    return {
        "rows": sorted(map(repr, tables.read("rows").to_pylist())),  # type: ignore[union-attr]
        "quarantine": sorted(map(repr, tables.read("quarantine").to_pylist())),  # type: ignore[union-attr]
        "versions": [(v.version, v.raw, v.rows, v.quarantined, v.until) for v in shop.store.state.rows(data_versions)],
        "seen": shop.store.state.cursor("collect.files", {}).keys(),
        "told": sorted(e.key for e in shop.store.state.rows(events)),
        "raw": sorted(file.name for file in (shop.store.root / "raw").iterdir()),
    }


@pytest.mark.slow
def test_killed_after_any_step_and_called_again_all_is_as_if_nothing_had_happened(
    shop: Shop, tmp_path_factory: Any
) -> None:
    shop.rewrite('source = "shop:collect"', 'source = "sales.csv"', "gradino.toml")
    frame = hours(0, 60)
    frame.loc[50, "sold"] = -1.0
    shop.deliver(frame)
    undisturbed = copy(shop, tmp_path_factory.mktemp("undisturbed"))
    collect(undisturbed.project, undisturbed.store)
    wanted = state(undisturbed)

    for step in range(1, STEPS + 1):
        killed = copy(shop, tmp_path_factory.mktemp(f"killed-{step}"))
        with pytest.raises(JobError, match="exit code -9"):
            call(collect_and_die, shop.root / "log.txt", killed.root, step)
        collect(killed.project, killed.store)
        assert state(killed) == wanted, f"killed after step {step}"
        assert collect(killed.project, killed.store) is None
    call(collect_and_die, shop.root / "log.txt", copy(shop, tmp_path_factory.mktemp("last")).root, STEPS + 1)


def copy(shop: Shop, folder: Path) -> Shop:
    shutil.copytree(shop.root, folder, dirs_exist_ok=True)
    return Shop(folder)
