"""What a steady trickle of requests does to the log: files, commits, bytes, time of a round, start of the operator.

    python benchmarks/log_years.py [--hours 1] [--pace 10] [--unmerged] [--json]

One request a second and its label a minute later, written as a worker writes them and moved by the operator's own
steps – compact, join, profile, seal, merge –, in one process and without waiting: each commit holds the rows of one
pace. `--unmerged --pace 0.4` is how it was before files were merged. A start is timed, and its memory read, in a
process of its own: after what waits was saved, and without that, when the whole log is read once more.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import track

from gradino.operate import lineage, monitoring
from gradino.operate.project import Project
from gradino.operate.registry import Reference
from gradino.operate.serving import compact
from gradino.operate.serving.wal import Feedback, Label, Predictions, Schema, Segment, frame
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, seals, versions
from gradino.operate.store.tables import LOG

START, SECOND, LATER = 1_700_000_000, 1_000_000, 60
NUMBERS = 10  # features
START_CODE = """
import json, sys, time
from pathlib import Path
import psutil
sys.path.insert(0, sys.argv[2])
from log_years import project
from gradino.operate.monitoring import Feedback
from gradino.operate.store import Store
store = Store.of(Path(sys.argv[1]))
store.tables.version("outcomes")
before, began = psutil.Process().memory_info().rss, time.monotonic()
Feedback(project(Path(sys.argv[1])), store)
print(json.dumps([time.monotonic() - began, (psutil.Process().memory_info().rss - before) / 2**20]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0, help="of traffic")
    parser.add_argument("--pace", type=float, default=10.0, help="seconds from one commit to the next")
    parser.add_argument("--unmerged", action="store_true", help="never merge")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        found = {"hours": given.hours, "pace_s": given.pace, **measured(root, given)}
    if given.json:
        print(json.dumps(found))
        return
    console = Console(highlight=False)
    for name, value in found.items():
        console.print(f"  {name:<24} {value:>12,.1f}" if isinstance(value, float) else f"  {name:<24} {value:>12,}")


def measured(root: Path, given: argparse.Namespace) -> dict[str, float | int]:
    store = Store.of(root)
    prepare(store)
    import_module("gradino.operate.lineage.merge").GRACE = timedelta(0)  # type: ignore[attr-defined]  # hours go by at once
    feedback, encoder = monitoring.Feedback(project(root), store), msgspec.msgpack.Encoder()
    segment = Segment(store.folder("wal", "production"), durable=False)
    segment.write(frame(encoder, Schema("regression", tuple((f"n{i}", "number") for i in range(NUMBERS)))))
    rounds, second, seconds = round(given.hours * 3600 / given.pace), 0.0, []
    for number in track(range(rounds), f"{rounds:,} commits", transient=True, disable=given.json):
        second += given.pace
        for at in range(int(second - given.pace), int(second)):
            segment.write(frame(encoder, asked(at)))
            if at >= LATER:
                moment = (START + at) * SECOND
                segment.write(frame(encoder, Feedback(moment, [Label(f"w-{at - LATER:x}", 2.0, moment)])))
        began = time.perf_counter()
        compact(store, "production")
        feedback.step()
        monitoring.profile(store)
        lineage.seal(store)
        if not given.unmerged and number % max(round(60 / given.pace), 1) == 0:
            lineage.merge(store)
        seconds.append(time.perf_counter() - began)
    feedback.save()
    tables = [file for name in LOG for file in (store.root / "tables" / name).rglob("*") if file.is_file()]
    saved = start(root)
    for file in (store.root / "waiting").glob("*"):
        file.unlink()
    unsaved = start(root)
    began = time.perf_counter()
    for name in LOG:
        Store.of(root).tables.read(name, columns=["event_time"])
    opened = time.perf_counter() - began
    segment.close()
    return {
        "rows": int(second),
        "data_files": sum(len(store.tables.files(name)) for name in LOG),
        "parquet_on_disk": sum(file.suffix == ".parquet" and "_delta_log" not in file.parts for file in tables),
        "commits_on_disk": sum(file.suffix == ".json" for file in tables),
        "mb_on_disk": sum(file.stat().st_size for file in tables) / 2**20,
        "seals": store.state.count(seals),
        "state_mb": os.path.getsize(store.root / "state.db") / 2**20,
        "round_ms_first": 1000 * float(np.median(seconds[:50])),
        "round_ms_last": 1000 * float(np.median(seconds[-50:])),
        "round_ms_most": 1000 * max(seconds),
        "read_all_s": opened,
        "start_s": saved[0],
        "start_mb": saved[1],
        "start_unsaved_s": unsaved[0],
        "start_unsaved_mb": unsaved[1],
    }


def prepare(store: Store) -> None:
    """One version that answers; what it is made of is of no matter here."""
    reference = Reference(scale=100.0, n=500, mean=0.2, losses=[0.2] * 500)
    (store.folder("bundles", "0" * 64) / "reference.json").write_bytes(msgspec.json.encode(reference))
    store.state.add(versions, number=1, run="run-1", bundle="0" * 64, status="champion")
    store.state.add(deployments, environment="production", champion=1, weight=0.0, reason="a benchmark")


def project(root: Path) -> Project:
    return Project.model_validate(
        {
            "root": root,
            "project": {"name": "town", "task": "regression", "target": "y", "time": "t"},
            "data": {"source": "town:collect"},
            "training": {"train": "town:train"},
        }
    )


def asked(second: int) -> Predictions:
    """One request, answered."""
    moment, values = (START + second) * SECOND, np.random.default_rng(second).normal(size=NUMBERS)
    times, answer = np.array([moment], "<i8").tobytes(), np.array([values.sum()], "<f8").tobytes()
    return Predictions(0, 1, 1, "champion", moment, [f"w-{second:x}"], times, answer, values.tobytes())


def start(root: Path) -> tuple[float, float]:
    """Seconds and MiB that the join of a new operator takes to begin."""
    command = [sys.executable, "-c", START_CODE, str(root), str(Path(__file__).parent)]
    took, grown = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return took, grown


if __name__ == "__main__":
    main()
