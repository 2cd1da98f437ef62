"""Requests during ten swaps, two of them roll backs, and a worker that is killed: who failed, and what is missing?

    python benchmarks/serving/swaps.py [--requests 100000] [--connections 16] [--workers 2] [--no-kill] [--json]

Three signed bundles answer one row differently, so that each answer shows which model gave it. A worker that is killed
takes its connections along: whoever waits on one of them gets no answer and asks again, once, as a client would have
to. Counted are requests without a 200 (after that), requests that were asked again, answers that no deployment with
that number could have given, and acknowledged prediction ids that are not in the table afterwards. Fails unless all but
the second are zero. For each swap is told when the first worker served it and when all did.
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from project import FEATURES, free_port, make_bundle, make_project

from gradino.operate.registry import holdout, load, public_key
from gradino.operate.serving import compact
from gradino.operate.store.state import deployments, versions

SWAPS = (2, 3, 2, 1, 3, 1, 2, 3, 2, 3)  # the third and the ninth give back to the predecessor


@dataclass
class Counted:
    """What all clients saw. A swap is told in seconds: until the first worker served it, until all did."""

    requests: int = 0
    failed: int = 0
    asked_again: int = 0
    never_live: int = 0
    missing: int = 0
    swaps: list[tuple[float, float]] = field(default_factory=list)


class Clients:
    """Threads that ask until `wanted` answers came."""

    def __init__(self, port: int, wanted: int, expected: dict[int, float], lived: dict[int, int]) -> None:
        self._port, self._wanted, self._expected, self._lived = port, wanted, expected, lived
        row = dict.fromkeys(FEATURES, 0.5)
        self._body = json.dumps({"rows": [row]}).encode()
        self._lock = threading.Lock()
        self.counted, self.ids = Counted(), set[str]()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while self.counted.requests < self._wanted:
            answer = self._asked(connection)
            again = answer is None
            if again:
                answer = self._asked(connection)
            with self._lock:
                self.counted.requests += 1
                self.counted.asked_again += again
                self._count(answer)

    def _asked(self, connection: http.client.HTTPConnection) -> dict[str, Any] | None:
        """What was answered; None: the connection ended before. Whatever is no 200 is an empty answer."""
        try:
            connection.request("POST", "/v1/score", self._body)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return None
        found: dict[str, Any] = json.loads(content) if answer.status == HTTPStatus.OK else {}
        return found

    def _count(self, said: dict[str, Any] | None) -> None:
        if not said:
            self.counted.failed += 1
            return
        (prediction,) = said["predictions"]
        self.ids.add(prediction["id"])
        right = self._lived.get(said["deployment"]) == said["version"]
        self.counted.never_live += not right or prediction["value"] != self._expected[said["version"]]


def served(port: int) -> list[dict[str, int]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/version")
    workers: list[dict[str, int]] = json.loads(connection.getresponse().read())["workers"]
    connection.close()
    return workers


def until(port: int, deployment: int, workers: int, seconds: float = 120) -> tuple[float, float]:
    """How long it took until the first worker served a deployment, and until all did."""
    began, first = time.monotonic(), 0.0
    while time.monotonic() < began + seconds:
        try:
            said = [worker["deployment"] == deployment for worker in served(port)]
            now = time.monotonic() - began
            first = first or now * any(said)
            if len(said) == workers and all(said):
                return round(first, 3), round(now, 3)
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.02)
    raise SystemExit(f"deployment {deployment} is not live after {seconds} s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counted = run(Path(folder), given.requests, given.connections, given.workers, not given.no_kill)
    if given.json:
        print(json.dumps(asdict(counted)))
    else:
        for name, value in asdict(counted).items():
            print(f"{name:>12}: {value}")
    sys.exit(bool(counted.failed or counted.never_live or counted.missing))


def run(root: Path, requests: int, connections: int, workers: int, kill: bool) -> Counted:
    store = make_project(root)
    expected = {}
    for number in (1, 2, 3):
        bundle = make_bundle(root, number)
        store.state.add(versions, number=number, run=str(number), bundle=bundle.name, status="champion")
        rows = holdout(bundle).head(1).assign(**dict.fromkeys(FEATURES, 0.5))
        expected[number] = float(load(bundle, bundle.name, public_key(store)).predict(rows)[0])
    lived: dict[int, int] = {}

    def deploy(version: int) -> int:
        row = {"environment": "production", "challenger": None, "weight": 0.0, "reason": "benchmark"}
        number = int(store.state.add(deployments, champion=version, **row))
        lived[number] = version
        return number

    first, port = deploy(1), free_port()
    command = [sys.executable, "-m", "gradino.operate.serving", "--project", str(root)]
    server = subprocess.Popen([*command, "--port", str(port), "--workers", str(workers)])
    clients = Clients(port, requests, expected, lived)
    threads = [threading.Thread(target=clients.run) for _ in range(connections)]
    try:
        until(port, first, workers)
        for thread in threads:
            thread.start()
        for i, version in enumerate(SWAPS):
            while clients.counted.requests < requests * (i + 1) // (len(SWAPS) + 2):
                time.sleep(0.01)
            if kill and i == len(SWAPS) // 2:
                os.kill(served(port)[0]["pid"], signal.SIGKILL)
            clients.counted.swaps.append(until(port, deploy(version), workers))
        for thread in threads:
            thread.join()
    finally:
        server.terminate()
        server.wait(30)
    compact(store, "production")
    table = store.tables.read("predictions", columns=["prediction_id"])
    assert table is not None
    clients.counted.missing = len(clients.ids - set(table["prediction_id"].to_pylist()))
    store.state.close()
    return clients.counted


if __name__ == "__main__":
    main()
