"""A run can be watched while it trains and ended at any moment; what it left behind is no version."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from gradino.errors import TrainingError
from gradino.operate.data import collect
from gradino.operate.project.process import call
from gradino.operate.store.state import events, runs, versions
from gradino.operate.training import cancel, execute, request
from tests.operate.conftest import START, Shop
from tests.operate.training.test_runs_killed import registry

pytestmark = pytest.mark.slow


@pytest.fixture
def slow(shop: Shop) -> Shop:
    """A shop whose training says where it is and then takes ten minutes."""
    shop.rewrite(
        "def train(frame):\n",
        "def train(frame):\n    import os, time\n    print('job', os.getpid())\n    time.sleep(600)\n",
    )
    return shop


def gradino(*command: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "gradino", *command]
    return subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a run in the background ignores Ctrl-C
    )


def started(shop: Shop, process: "subprocess.Popen[str]") -> tuple[str, int]:
    """The run and its job's process, as `gradino train` streams them."""
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    run = next(line.split()[1].rstrip(";") for line in lines if line.startswith("run "))
    return run, next(int(line.split()[-1]) for line in lines if line.strip().startswith("job "))


def ended(shop: Shop, run: str, job: int) -> None:
    wait(lambda: not psutil.pid_exists(job) or psutil.Process(job).status() == psutil.STATUS_ZOMBIE)
    row = shop.store.state.last(runs)
    assert row is not None
    assert (row.id, row.status, row.version) == (run, "cancelled", None)
    assert shop.store.state.count(versions) == 0
    assert not list((shop.store.root / "runs" / run).glob("staged*"))
    assert shop.store.state.count(events, events.c.key == f"run:{run}:cancelled") == 1
    assert execute(shop.project, shop.store, run) is None  # it stays cancelled


def wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_control_c_ends_training_at_once_and_the_run_is_cancelled(slow: Shop) -> None:
    process = gradino("train", str(slow.root))
    run, job = started(slow, process)
    assert slow.store.state.rows(runs)[0].status == "running"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    wait(lambda: slow.store.state.rows(runs)[0].status == "cancelled")
    assert time.monotonic() - began < 20  # moments, on an idle machine
    process.communicate(timeout=60)
    assert process.returncode == 130
    ended(slow, run, job)
    assert call(registry, slow.root / "log.txt", slow.store.root) == ([], ["KILLED"])


def test_a_run_is_cancelled_from_elsewhere_by_the_beginning_of_its_id(slow: Shop) -> None:
    process = gradino("train", str(slow.root))
    run, job = started(slow, process)
    other = gradino("runs", run, "--cancel", "--json", "--project", str(slow.root))
    assert json.loads(other.communicate(timeout=60)[0]) == {"run": run, "status": "cancelled"}
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert f"run {run} ended cancelled" in error
    ended(slow, run, job)


def test_a_queued_run_is_cancelled_and_an_ended_one_is_not(shop: Shop) -> None:
    collect(shop.project, shop.store)
    run = request(shop.store, shop.project, "a test", START)
    cancel(shop.store, run)
    assert execute(shop.project, shop.store, run) is None
    with pytest.raises(TrainingError, match="has ended already: it is cancelled"):
        cancel(shop.store, run)
    with pytest.raises(TrainingError, match="no run nobody"):
        cancel(shop.store, "nobody")
