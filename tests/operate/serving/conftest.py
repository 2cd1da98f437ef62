"""A project without a model of its own, and real servers on free ports that serve the toys."""

import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from gradino.operate.store import Store
from gradino.operate.store.state import deployments, versions

HERE = Path(__file__).parent
TOML = """\
[project]
name = "toys"
task = "{task}"
target = "rentals"
time = "hour"
unit = "station"
[data]
source = "code:collect"
[training]
train = "code:train"
"""
ROW = {"temperature": 3.0, "riders": 4, "weather": "rain", "holiday": False, "hour": "2011-01-01T05:00:00Z"}


@dataclass
class Place:
    """A project folder whose versions and deployments a test writes."""

    root: Path
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store.of(self.root)

    def version(self, number: int, does: str) -> None:
        self.store.state.add(versions, number=number, run=f"run-{number}", bundle=does, status="candidate")

    def deploy(
        self, champion: int, challenger: int | None = None, weight: float = 0.0, where: str = "production"
    ) -> int:
        values = {"champion": champion, "challenger": challenger, "weight": weight}
        return int(self.store.state.add(deployments, environment=where, reason="test", **values))

    @property
    def wal(self) -> Path:
        return self.store.folder("wal", "production")


@dataclass
class Server:
    """A running server. `client` speaks to it."""

    process: "subprocess.Popen[bytes]"
    port: int
    output: Path
    client: httpx.Client

    def score(self, *rows: dict[str, Any]) -> httpx.Response:
        return self.client.post("/v1/score", json={"rows": list(rows)})

    def workers(self) -> list[dict[str, Any]]:
        return list(self.client.get("/version").json()["workers"])

    def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.02)
        raise AssertionError(f"it did not happen within {seconds} s: {self.output.read_text()[-2000:]}")

    def serves(self, deployment: int, seconds: float = 20.0) -> None:
        self.until(lambda: all(w["deployment"] == deployment for w in self.workers()), seconds)

    def stop(self) -> None:
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_place(root: Path, task: str = "regression") -> Place:
    root.mkdir()
    (root / "gradino.toml").write_text(TOML.format(task=task))
    (root / "code.py").write_text("def collect(since): ...\ndef train(frame): ...\n")
    return Place(root)


def start_server(
    place: Place,
    workers: int = 1,
    ack: str = "durable",
    token: str | None = None,
    verify: ssl.SSLContext | None = None,
) -> Server:
    port = free_port()
    output = place.root / f"server-{port}.log"
    command = [sys.executable, str(HERE / "serve_toys.py"), str(place.root), "production", str(port), str(workers), ack]
    with output.open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    url = f"{'https' if verify else 'http'}://127.0.0.1:{port}"
    client = httpx.Client(base_url=url, headers=headers, verify=verify or True, timeout=30)
    server = Server(process, port, output, client)
    try:
        server.until(lambda: server.client.get("/health"), 60)
        server.until(lambda: len(server.workers()) == workers, 60)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return server


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "toys")
    yield made
    made.store.state.close()


@pytest.fixture
def serve(place: Place) -> Iterator[Callable[..., Server]]:
    """Starts servers of `place` and ends them."""
    started: list[Server] = []

    def start(**options: Any) -> Server:
        started.append(start_server(place, **options))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()
        server.client.close()
