"""How long `gradino trace` takes over a long history: from a prediction to the raw rows, every hash recomputed.

    python benchmarks/trace.py [--predictions 10000000] [--runs 100000] [--asked 300] [--json]

The project that `gradino init` writes is really collected, trained and deployed; its model answered all predictions, in
files of 10,000 from two workers. The other runs, versions, decisions and deployments are rows beside it. Shown: median,
and the 5th and 95th percentile, inside the process; and what a whole `gradino trace` costs, start included.
"""

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.progress import track
from sqlalchemy import insert

from gradino.operate import data, lineage, training
from gradino.operate.project import Project, load, scaffold
from gradino.operate.release import certificate
from gradino.operate.store import Store
from gradino.operate.store.state import decisions, deployments, now, runs, versions

FILE = 10_000  # rows
LOCK = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "demand"
version = "1.0.0"
source = { virtual = "." }
"""  # locks nothing, so that it is trained with what is installed
WORKERS = ("69205c0a1b2c3d4e", "69205c0b5f6a7b8c")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--asked", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "demand"
        shutil.copytree(scaffold.TEMPLATE, root)
        for file in ("gradino.toml", "pyproject.toml"):
            (root / file).write_text((root / file).read_text().replace("{name}", "demand"))
        (root / "uv.lock").write_text(LOCK)
        scaffold.commit(root)
        project = load(root)
        store = Store.of(root)
        began = time.monotonic()
        build(project, store, given.runs, given.predictions)
        built = time.monotonic() - began
        ids = [identity(n) for n in random.Random(1).sample(range(given.predictions), given.asked)]
        seconds = {
            "prediction": [timed(lambda key=key: trace(project, store, key)) for key in ids],
            "version": [timed(lambda: trace(project, store, "v1")) for _ in range(given.asked // 3)],
            "process": [timed(lambda key=key: process(root, key)) for key in ids[:7]],
            "start": [timed(lambda: subprocess.run([sys.executable, "-c", START], check=True)) for _ in range(7)],
        }
        show(seconds, built, given)
        store.state.close()


START = "import gradino.cli, gradino.operate.lineage, gradino.operate.project, json, rich.console"


def build(project: Project, store: Store, count: int, predictions: int) -> None:
    data.collect(project, store)
    version = training.execute(project, store, training.request(store, project, "the one that is traced", None))
    decided = certificate.issue(store, "gates", "v1", "pass", None, inputs={}, evidence={}, reasons=["all passed"])
    common = {"environment": "production", "weight": 0.0, "reason": "released"}
    store.state.add(deployments, champion=version, decision=decided, **common)
    digest = f"{0:064x}"
    ballast = {
        runs: [{"id": f"other-{n}", "status": "finished", "reason": "another", "version": n} for n in range(2, count)],
        versions: [{"number": n, "run": f"other-{n}", "bundle": digest, "status": "retired"} for n in range(2, count)],
        decisions: [
            {
                "id": f"{n:064x}",
                "kind": "gates",
                "subject": f"v{n}",
                "verdict": "pass",
                "certificate": {},
                "signature": "",
            }
            for n in range(2, count)
        ],
        deployments: [common | {"champion": n, "decision": f"{n:064x}"} for n in range(2, count)],
    }
    with store.state.begin() as connection:
        for table, rows in ballast.items():
            connection.execute(insert(table), [row | {"at": now()} for row in rows])
    for file in track(range(predictions // FILE), f"writing {predictions:,} predictions", transient=True):
        store.tables.append("predictions", answers(file), "log", file)
        lineage.seal(store)


def identity(number: int) -> str:
    """The workers take turns, row by row."""
    return f"{WORKERS[number % 2]}-{number // 2:x}"


def answers(file: int) -> pa.Table:
    numbers = range(file * FILE, (file + 1) * FILE)
    random_ = np.random.default_rng(file)
    times = np.arange(numbers.start, numbers.stop) * 1_000_000 + 1_700_000_000_000_000
    constant = {"deployment": 1, "version": 1}
    return pa.table(
        {
            "prediction_id": [identity(n) for n in numbers],
            "event_time": pa.array(times, pa.timestamp("us", tz="UTC")),
            "at": pa.array(times, pa.timestamp("us", tz="UTC")),
            **{name: pa.array(np.full(FILE, value)) for name, value in constant.items()},
            "role": ["champion"] * FILE,
            "prediction": random_.normal(size=FILE),
            "segment": ["1700000000000000000-4711"] * FILE,
            **{f"x_{i}": random_.normal(size=FILE) for i in range(5)},
        }
    )


def trace(project: Project, store: Store, subject: str) -> None:
    links = lineage.trace(project, store, subject)
    assert all(link.verified for link in links), links


def process(root: Path, subject: str) -> None:
    command = [sys.executable, "-m", "gradino", "trace", subject, "--project", str(root), "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def timed(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def show(seconds: dict[str, list[float]], built: float, given: argparse.Namespace) -> None:
    found = {}
    for what, values in seconds.items():
        low, high = np.percentile(values, [5, 95])
        found[what] = {"median_ms": 1000 * statistics.median(values), "p5_ms": 1000 * low, "p95_ms": 1000 * high}
    if given.json:
        print(json.dumps({"built_s": built, "predictions": given.predictions, "runs": given.runs, **found}))
        return
    console = Console(highlight=False)
    console.print(f"{given.runs:,} runs and {given.predictions:,} predictions, written in {built:.0f} s")
    says = {
        "prediction": "trace of a prediction",
        "version": "trace of a version",
        "process": "gradino trace, the whole process",
        "start": "of which starting Python and importing",
    }
    for what, row in found.items():
        spread = f"{row['p5_ms']:.1f} … {row['p95_ms']:.1f}"
        console.print(f"  {says[what]:<40} {row['median_ms']:8.1f} ms   ({spread})")


if __name__ == "__main__":
    main()
