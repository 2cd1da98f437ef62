"""`gradino up` on a real project, with real processes, some of which are killed."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from gradino.operate.store import Store
from gradino.operate.store.state import deployments, releases, runs, services, versions
from tests.operate.conftest import CODE, LOCK, PYPROJECT, TOML, hours

pytestmark = pytest.mark.slow

SLOW = CODE.replace("def train(frame):\n", "def train(frame):\n    import time; time.sleep(3)\n")
TEST = """\
import pandas as pd
from shop import train


def test_warmer_hours_sell_more():
    frame = pd.DataFrame({"warmth": [1.0, 2.0, 3.0], "open": [True, False, True], "sold": [1.0, 2.0, 3.0]})
    low, high = train(frame).predict(pd.DataFrame({"warmth": [1.0, 9.0], "open": [True, True]}))
    assert high > low
"""


class Up:
    """A project and the process of `gradino up` on it."""

    def __init__(self, root: Path) -> None:
        self.root, self.port, self.page = root, free_port(), free_port()
        for name, content in {
            "gradino.toml": TOML,
            "pyproject.toml": PYPROJECT,
            "uv.lock": LOCK,
            "shop.py": SLOW,
        }.items():
            (root / name).write_text(content)
        (root / "tests").mkdir()
        (root / "tests" / "test_shop.py").write_text(TEST)
        hours(0, 200).to_csv(root / "sales.csv", index=False)
        self.store = Store.of(root)

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def command(self) -> list[str]:
        ports = ["--port", str(self.port), "--page", str(self.page)]
        return [sys.executable, "-m", "gradino", "up", str(self.root), *ports]

    def stop(self) -> str:
        self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=40)
        return str(output.decode())

    def pid(self, name: str) -> int:
        row = self.store.state.last(services, services.c.name == name)
        assert row is not None
        return int(row.pid)

    def score(self, n: int = 1) -> list[str]:
        row = {"hour": "2024-01-10T10:00:00Z", "warmth": 12.0, "open": True}
        answer = httpx.post(f"http://127.0.0.1:{self.port}/v1/score", json={"rows": [row] * n}, timeout=10)
        assert answer.status_code == 200, answer.text
        return [prediction["id"] for prediction in answer.json()["predictions"]]

    def healthy(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def logged(self) -> list[str]:
        table = self.store.tables.read("predictions", columns=["prediction_id"])
        return [] if table is None else table["prediction_id"].to_pylist()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(until: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Up, after its operator was killed in the middle of the first training."""
    up = Up(tmp_path_factory.mktemp("shop"))
    up.start()
    try:
        wait(lambda: up.store.state.count(runs, runs.c.status == "running"))
        up.killed = up.pid("operator")  # type: ignore[attr-defined]
        os.kill(up.killed, signal.SIGKILL)  # type: ignore[attr-defined]
        wait(up.healthy)
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()


def test_an_operator_killed_while_it_trains_is_replaced_and_the_model_released_once(up: Up) -> None:
    assert up.pid("operator") != up.killed  # type: ignore[attr-defined]
    assert [row.status for row in up.store.state.rows(runs)] == ["finished"]
    assert [row.status for row in up.store.state.rows(versions)] == ["champion"]
    assert up.store.state.count(releases) == 1
    wait(lambda: mlflow_champion(up.root) == 1)
    assert up.store.state.count(deployments, deployments.c.environment == "production") == 1


def test_what_a_killed_scoring_worker_acknowledged_is_in_the_log_once(up: Up) -> None:
    acknowledged: list[str] = []
    stopped = threading.Event()

    def ask() -> None:
        while not stopped.is_set():
            try:
                acknowledged.extend(up.score(5))
            except (httpx.HTTPError, AssertionError):
                time.sleep(0.05)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for _ in range(2):
        time.sleep(1.5)
        worker = psutil.Process(up.pid("serving")).children()[0]
        worker.kill()
        wait(up.healthy)
    time.sleep(1)
    stopped.set()
    for asker in askers:
        asker.join()
    assert len(acknowledged) > 100
    wait(lambda: set(acknowledged) <= set(up.logged()), 30)
    assert len(up.logged()) == len(set(up.logged()))


def test_a_second_up_and_a_taken_port_are_refused_in_one_sentence(up: Up, tmp_path: Path) -> None:
    second = subprocess.run(up.command(), capture_output=True, text=True, timeout=60)
    assert second.returncode == 2
    assert "already holds" in second.stderr
    other = Up(tmp_path)
    other.port = up.port
    taken = subprocess.run(other.command(), capture_output=True, text=True, timeout=60)
    assert taken.returncode == 2
    assert f"port {up.port} is in use" in taken.stderr
    assert "--port" in taken.stderr


def test_status_and_trace_agree_with_what_was_answered(up: Up) -> None:
    (key,) = up.score()
    wait(lambda: key in up.logged())
    time.sleep(1)  # the seal follows the log
    found = json.loads(gradino("status", str(up.root), "--json").stdout)
    assert found["champion"]["version"] == 1
    assert set(found["services"]) == {"operator", "serving", "page"}
    traced = gradino("trace", key, "--project", str(up.root), "--json")
    assert json.loads(traced.stdout)["verified"], traced.stdout
    kinds = [link["kind"] for link in json.loads(traced.stdout)["links"]]
    assert kinds == ["prediction", "log", "deployment", "decision", "bundle", "run", "code", "environment", "data"]


def test_stopped_it_leaves_no_process_and_started_again_it_continues(up: Up) -> None:
    children = psutil.Process(up.process.pid).children(recursive=True)
    assert "stopping" in up.stop()
    wait(lambda: not [child for child in children if child.is_running()], 10)  # a job's parent sees it a moment later
    up.start()
    wait(up.healthy)
    time.sleep(2)
    assert up.store.state.count(versions) == 1
    assert up.store.state.count(deployments, deployments.c.environment == "production") == 1


def test_a_supervisor_that_is_killed_takes_its_processes_along(up: Up) -> None:
    children = psutil.Process(up.process.pid).children(recursive=True)
    up.process.kill()
    up.process.communicate()
    wait(lambda: not [child for child in children if child.is_running()], 20)


def mlflow_champion(root: Path) -> int | None:
    """The alias as anybody reads it who opens the tracker's database."""
    with sqlite3.connect(root / ".gradino" / "mlflow.db") as database:
        rows = database.execute("select version from registered_model_aliases where alias = 'champion'").fetchall()
    database.close()
    return int(rows[0][0]) if rows else None


def gradino(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "gradino", *command], capture_output=True, text=True, timeout=60)
