"""Requests a second of the scoring server, beside a bare echo on the same stack and a plain FastAPI.

    python benchmarks/serving/throughput.py [--connections 64] [--rows 1] [--seconds 5] [--rounds 5] [--json]

The model is StandardScaler → HistGradientBoosting(100) in a real, signed bundle; each server has one worker. All run at
the same time and are asked in turns, so that whatever else the machine does meets them alike. The client takes its
share of the same cores. Shown: median over the rounds, and the lowest and highest.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from load import Load, drive
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gradino.operate.registry import public_key
from gradino.operate.registry.bundle import CODE, LOCK, Lineage
from gradino.operate.registry.keys import private_key
from gradino.operate.registry.pack import finish, stage
from gradino.operate.registry.schema import Description, Field, Reference
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, versions

HERE = Path(__file__).parent
FEATURES = [f"x{i}" for i in range(12)]
TOML = """\
[project]
name = "bench"
task = "regression"
target = "y"
time = "hour"
[data]
source = "code:collect"
[training]
train = "code:train"
"""
ENVIRONMENTS = {"durable": None, "buffered": None, "shadow": 2}  # name → challenger


def make_bundle(root: Path, seed: int) -> Path:
    """A project, and in its store a signed bundle."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(chance.random((17_000, len(FEATURES))), columns=FEATURES)
    target = frame.sum(axis=1) + chance.normal(0, 0.1, len(frame))
    fitted = make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=100)).fit(frame, target)
    store = Store.of(root)
    code = root / CODE
    code.mkdir(exist_ok=True)
    (code / "gradino.toml").write_text(TOML)
    (code / LOCK).write_text("version = 1\n")
    inputs = [Field(name, "number") for name in FEATURES]
    staged = root / "staged"
    stage(staged, fitted, code, Description("bench", "regression", "y", "hour", None, FEATURES, inputs))
    lineage = Lineage("run", None, None, "code", "lock", 0, "data", seed, "tracker", {})
    shown = frame.head(50)
    answers, losses = np.asarray(fitted.predict(shown)), Reference(1.0, 1, 0.1, [0.1])
    return finish(staged, store.folder("bundles"), shown, answers, losses, lineage, private_key(store))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def servers(root: Path) -> Iterator[dict[str, int]]:
    """All servers, by name with their ports; ended afterwards."""
    store = Store.of(root)
    (root / "gradino.toml").write_text(TOML)
    (root / "code.py").write_text("def collect(since): ...\ndef train(frame): ...\n")
    bundles = [make_bundle(root, seed) for seed in (1, 2)]
    for number, bundle in enumerate(bundles, start=1):
        store.state.add(versions, number=number, run=str(number), bundle=bundle.name, status="champion")
    commands = {"echo": [str(HERE / "peers.py"), "echo"]}
    if importlib.util.find_spec("fastapi") and importlib.util.find_spec("uvicorn"):
        commands["fastapi"] = [str(HERE / "peers.py"), "fastapi"]
    ports = {name: free_port() for name in (*commands, *ENVIRONMENTS)}
    full = {
        name: [*command, str(ports[name]), str(bundles[0]), str(public_key(store))]
        for name, command in commands.items()
    }
    for name, challenger in ENVIRONMENTS.items():
        store.state.add(
            deployments, environment=name, champion=1, challenger=challenger, weight=0.0, reason="benchmark"
        )
        full[name] = ["-m", "gradino.operate.serving", "--project", str(root), "--environment", name]
        full[name] += ["--port", str(ports[name]), "--ack", "buffered" if name == "buffered" else "durable"]
    single = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    processes = [subprocess.Popen([sys.executable, *command], env=single) for command in full.values()]
    try:
        yield ports
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def ready(port: int, body: bytes) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if drive(port, "/v1/score", body, 1, 0.2).failed == 0:
                return
        time.sleep(0.2)
    raise SystemExit(f"the server on port {port} does not answer")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    row = {name: round(0.05 * i + 0.1, 3) for i, name in enumerate(FEATURES)}
    body = json.dumps({"rows": [row] * given.rows}).encode()
    seen: dict[str, list[Load]] = {}
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as ports:
        for port in ports.values():
            ready(port, body)
        for _ in range(given.rounds):
            for name, port in ports.items():
                load = drive(port, "/v1/score", body, given.connections, given.seconds)
                seen.setdefault(name, []).append(load)
    if given.json:
        print(json.dumps({name: [vars(load) for load in loads] for name, loads in seen.items()}))
    else:
        show(seen, f"{given.rows} row(s), {given.connections} connections, one worker, {given.rounds} rounds")


def show(seen: dict[str, list[Load]], title: str) -> None:
    table = Table("server", "requests/s", "lowest–highest", "p50 ms", "p99 ms", "failed", title=title)
    for name, loads in seen.items():
        rates = [load.per_second for load in loads]
        table.add_row(
            name,
            f"{statistics.median(rates):,.0f}",
            f"{min(rates):,.0f}–{max(rates):,.0f}",
            f"{statistics.median(load.p50 for load in loads):.1f}",
            f"{statistics.median(load.p99 for load in loads):.1f}",
            str(sum(load.failed for load in loads)),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
