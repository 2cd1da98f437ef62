"""kill -9 anywhere in training: executed again, the run ends with one version, as if nothing had happened."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from gradino.operate.data import collect
from gradino.operate.project import Project, load
from gradino.operate.project.process import JobError, call
from gradino.operate.registry import verify
from gradino.operate.registry.keys import public_key
from gradino.operate.store import Store
from gradino.operate.store.state import State, events, runs, versions
from gradino.operate.training import compute, execute, request
from gradino.operate.training.task import Outcome, Task
from tests.operate.conftest import START, Shop

STEPS = ["running", "staged", "sealed", "registered", "version recorded", "told", "finished"]
OPERATOR = """
import sys
from pathlib import Path
from gradino.operate.project import load
from gradino.operate.store import Store
from gradino.operate.training import execute
execute(load(Path(sys.argv[1])), Store.of(Path(sys.argv[1])), sys.argv[2])
"""

pytestmark = pytest.mark.slow


class Inline:
    """A job that is done in this very process, when it is asked for."""

    def __init__(self, project: Project, task: Task, log: Path) -> None:
        self._task = task

    def done(self, seconds: float) -> bool:
        return True

    def result(self) -> Outcome:
        return compute._work(self._task)


def execute_and_die(root: Path, run: str, step: int) -> None:
    """Execute a run in this very process and kill it right after the `step`-th lasting step."""
    from gradino.operate.registry import models, pack

    left = iter(range(step, -1, -1))

    def deadly(owner: Any, name: str) -> None:
        function: Callable[..., Any] = getattr(owner, name)

        def act(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            if next(left) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, act)

    for owner, name in [
        (pack, "stage"),
        (pack, "finish"),
        (models, "register"),
        (State, "add_once"),
        (State, "change"),
    ]:
        deadly(owner, name)
    compute.submit = Inline  # type: ignore[assignment, misc]
    execute(load(root), Store.of(root), run)


def registry(root: Path) -> tuple[list[int], list[str]]:
    """Numbers of the versions, and states of the runs, that people see in MLflow."""
    from gradino.operate.registry import tracker

    client = tracker.client(Store(root))
    experiment = client.get_experiment_by_name("shop")
    assert experiment is not None
    seen = client.search_runs([experiment.experiment_id])
    return [int(v.version) for v in client.search_model_versions("name = 'shop'")], [r.info.status for r in seen]


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """A shop with collected rows."""
    collect(shop.project, shop.store)
    return shop


def test_killed_after_any_step_and_executed_again_there_is_one_version(stocked: Shop, tmp_path_factory: Any) -> None:
    run = request(stocked.store, stocked.project, "a test", START)
    for step, name in enumerate(STEPS, 1):
        root = tmp_path_factory.mktemp(name.replace(" ", "-"))
        shutil.copytree(stocked.root, root, dirs_exist_ok=True)
        shop = Shop(root)
        with pytest.raises(JobError, match="exit code -9"):
            call(execute_and_die, root / "log.txt", root, run, step)
        assert execute(shop.project, shop.store, run) == 1, name
        ended(shop, run)
    call(execute_and_die, stocked.root / "log.txt", stocked.root, run, len(STEPS) + 1)


def test_when_the_operator_is_killed_its_training_stops_and_the_next_one_finishes_it(stocked: Shop) -> None:
    mark = stocked.root / ".gradino" / "pid"
    stocked.rewrite(
        "def train(frame):\n",
        "def train(frame):\n"
        "    import os, pathlib, time\n"
        f"    mark = pathlib.Path({str(mark)!r})\n"
        "    if not mark.exists():\n"
        "        mark.write_text(str(os.getpid()))\n"
        "        time.sleep(600)\n",
    )
    run = request(stocked.store, stocked.project, "a test", START)
    operator = subprocess.Popen([sys.executable, "-c", OPERATOR, stocked.root, run])
    wait(lambda: mark.exists() and mark.read_text() != "")
    job = int(mark.read_text())
    operator.kill()
    operator.wait()
    wait(lambda: not psutil.pid_exists(job) or psutil.Process(job).status() == psutil.STATUS_ZOMBIE)

    row = stocked.store.state.last(runs)
    assert row
    assert row.status == "running"
    stocked.rewrite(
        "return LinearRegression()", "raise ValueError\n    return LinearRegression()"
    )  # too late for this run
    assert execute(stocked.project, stocked.store, run) == 1
    ended(stocked, run)


def ended(shop: Shop, run: str) -> None:
    store = shop.store
    (row,) = store.state.rows(runs)
    (version,) = store.state.rows(versions)
    assert (row.id, row.status, row.version) == (run, "finished", 1)
    assert (version.number, version.run, version.status) == (1, run, "candidate")
    verify(store.root / "bundles" / version.bundle, version.bundle, public_key(store))
    assert [e.key for e in store.state.rows(events, events.c.kind == "run")] == [f"run:{run}", f"run:{run}:finished"]
    assert not list((store.root / "runs" / run).glob("staged*"))
    assert call(registry, shop.root / "log.txt", store.root) == ([1], ["FINISHED"])
    store.state.close()


def wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
