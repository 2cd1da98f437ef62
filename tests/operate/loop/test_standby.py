"""One operator leads; a second takes over when the first is killed – on one machine, and over PostgreSQL."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from gradino.errors import ServiceError
from gradino.operate.loop.lead import lead
from gradino.operate.store import Store
from tests.operate.conftest import Shop
from tests.operate.store.servers import postgres, postgres_programs

CONTEXT = multiprocessing.get_context("spawn")


def operate(root: Path, said: Connection) -> None:
    """Lead as soon as it is possible, say so, and go on until killed."""
    with lead(Store.of(root), standby=True, stopped=lambda: False) as leadership:
        assert leadership
        said.send("leads")
        while True:
            leadership.check()
            time.sleep(0.05)


class Operators:
    """Processes that want to lead a project each in a folder."""

    def __init__(self) -> None:
        self.started: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []

    def start(self, root: Path) -> None:
        receiver, sender = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=operate, args=(root, sender), daemon=True)
        process.start()
        sender.close()
        self.started.append((process, receiver))

    def leads(self, i: int, within: float) -> bool:
        return self.started[i][1].poll(within)

    def kill(self, i: int) -> None:
        pid = self.started[i][0].pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        self.started[i][0].join()


@pytest.fixture
def operators() -> Iterator[Operators]:
    found = Operators()
    yield found
    for process, _ in found.started:
        process.kill()
        process.join()


def test_on_one_machine_the_second_takes_over_within_a_second(shop: Shop, operators: Operators) -> None:
    operators.start(shop.root)
    assert operators.leads(0, 30)
    with pytest.raises(ServiceError, match="--standby"), lead(shop.store, standby=False, stopped=lambda: False):
        pass
    operators.start(shop.root)
    assert not operators.leads(1, 4)
    operators.kill(0)
    assert operators.leads(1, 2)


def test_one_that_stands_by_can_be_told_to_stop(shop: Shop) -> None:
    with (
        lead(shop.store, standby=True, stopped=lambda: False),
        lead(shop.store, standby=True, stopped=lambda: True) as second,
    ):
        assert second is None


@pytest.mark.slow
@pytest.mark.skipif(postgres_programs() is None, reason="PostgreSQL is not installed")
def test_over_postgresql_another_machine_takes_over(tmp_path: Path, operators: Operators) -> None:
    with postgres() as server:
        address = server.database()
        for name in ("here", "there"):  # two machines: nothing in common but the database
            (tmp_path / name).mkdir()
            (tmp_path / name / "gradino.toml").write_text(f'[store]\nstate = "{address}"\n')
        operators.start(tmp_path / "here")
        assert operators.leads(0, 30)
        operators.start(tmp_path / "there")
        assert not operators.leads(1, 5)
        operators.kill(0)
        assert operators.leads(1, 5)


PILE = """
import os, sys, time
from pathlib import Path
from dbos import DBOS
from gradino.operate.loop.slow import Slow
from gradino.operate.project import load
from gradino.operate.store import Store

if __name__ == "__main__":
    root = Path(sys.argv[1])
    slow, most, until = Slow(load(root), Store.of(root)), 0, time.monotonic() + 8
    while time.monotonic() < until:
        slow.start(None)
        collected = DBOS.list_workflows(name="collect")
        most = max(most, sum(w.status in ("ENQUEUED", "PENDING") for w in collected))
        time.sleep(0.1)
    print(most, len(collected), flush=True)
    os._exit(0)
"""


@pytest.mark.slow
def test_what_was_missed_is_caught_up_once_and_never_piles_up(shop: Shop, tmp_path: Path) -> None:
    """Due every tenth of a second, and each takes one: never does a second one wait behind."""
    shop.rewrite("def collect(since):\n", "def collect(since):\n    import time; time.sleep(1)\n")
    shop.rewrite('schema = "shop:Hours"', 'schema = "shop:Hours"\nevery = "0.1s"', "gradino.toml")
    script = tmp_path / "pile.py"
    script.write_text(PILE)
    done = subprocess.run([sys.executable, script, shop.root], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    most, collected = map(int, done.stdout.split())
    assert most == 1
    assert 1 <= collected <= 8
