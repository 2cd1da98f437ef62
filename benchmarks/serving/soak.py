"""Ten million predictions at full load: does memory grow, does the compactor keep up, is every row in the table?

    python benchmarks/serving/soak.py [--predictions 10000000] [--rows 100] [--connections 16] [--json]

One compiled, durable worker is asked without a pause while another process moves its log into the tables, as often as
the operator does. After each slice of load is read: resident memory of both, and how many bytes wait to be moved. The
slope of memory is a least-squares line over the second half: in the first, caches and buffers fill. Fails when a
request failed, or when the table does not hold exactly what was answered.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
from load import drive
from project import free_port, make_bundle, make_project
from throughput import HERE, sent

from gradino.operate.serving import compact
from gradino.operate.serving.compactor import PREDICTIONS
from gradino.operate.serving.wal import segments
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, versions

SLICE = 5.0  # seconds
ENVIRONMENT = "soak"
PACE = timedelta(seconds=10)  # the default of [serving]
EVERY = 1.0  # seconds between two looks of the compactor


def resident(pid: int) -> float:
    """MiB."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def waiting(store: Store) -> float:
    """MiB of the log that are in no table yet."""
    found = segments(store.folder("wal", ENVIRONMENT))
    moved = [max(store.tables.position(PREDICTIONS, reader.name), 0) for reader in found]
    return sum(r.path.stat().st_size - m for r, m in zip(found, moved, strict=True) if r.path.exists()) / 2**20


def keep_compacting(root: Path) -> None:
    store = Store.of(root)
    while True:
        compact(store, ENVIRONMENT, PACE)
        time.sleep(EVERY)


def soak(
    server: int, compactor: int, port: int, store: Store, rows: int, connections: int, wanted: int
) -> dict[str, float]:
    """Load until `wanted` predictions are answered."""
    ((_, path, body, kind),) = sent("gradino python durable", rows)
    seen: list[tuple[float, float, float, float]] = []
    answered, failed, began = 0, 0, time.monotonic()
    while answered < wanted:
        load = drive(port, path, body, connections, SLICE, kind)
        answered += load.answered * rows
        failed += load.failed
        seen.append((answered, resident(server), resident(compactor), waiting(store)))
        print("{:>12,} predictions; {:.0f} and {:.0f} MiB; {:.0f} MiB wait".format(*seen[-1]), file=sys.stderr)
    seconds = time.monotonic() - began
    half = np.array(seen[len(seen) // 2 :])
    slope = np.polyfit(half[:, 0] / 1e6, half[:, 1:], 1)[0] if len(half) > 1 else np.full(3, np.nan)
    return {
        "predictions": answered,
        "failed": failed,
        "predictions a second": round(answered / seconds),
        "MiB of the worker at first": round(seen[0][1], 1),
        "at last": round(seen[-1][1], 1),
        "for a million predictions": round(float(slope[0]), 2),
        "MiB of the compactor at last": round(seen[-1][2], 1),
        "MiB that waited, median": round(float(np.median([s[3] for s in seen])), 1),
        "most": round(max(s[3] for s in seen), 1),
        "more for a million predictions": round(float(slope[2]), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=10_000_000)
    parser.add_argument("--rows", type=int, default=100, help="of one request")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--compact", type=Path, help=argparse.SUPPRESS)  # what the other process does
    given = parser.parse_args()
    if given.compact:
        keep_compacting(given.compact)
    with tempfile.TemporaryDirectory() as folder:
        root, port = Path(folder), free_port()
        store = make_project(root)
        store.state.add(versions, number=1, run="1", bundle=make_bundle(root, 1).name, status="champion")
        row = {"environment": ENVIRONMENT, "champion": 1, "challenger": None, "weight": 0.0}
        store.state.add(deployments, reason="benchmark", **row)
        place = [str(root), ENVIRONMENT, str(port)]
        server = subprocess.Popen([sys.executable, str(HERE / "ours.py"), *place, "durable", "compiled"])
        compactor = subprocess.Popen([sys.executable, __file__, "--compact", str(root)])
        answered_before = 0
        try:
            ((_, path, body, kind),) = sent("gradino python durable", 1)
            while server.poll() is None and not answered_before:
                try:
                    answered_before += drive(port, path, body, 1, 0.5, kind).answered
                except OSError:
                    time.sleep(0.2)
            found = soak(server.pid, compactor.pid, port, store, given.rows, given.connections, given.predictions)
        finally:
            for process in (server, compactor):
                process.terminate()
                process.wait(30)
        began = time.monotonic()
        compact(store, ENVIRONMENT)
        found["seconds to move what was left"] = round(time.monotonic() - began, 1)
        table = store.tables.open(PREDICTIONS)
        assert table is not None
        found["in the table, and not answered"] = int(table.count()) - found["predictions"] - answered_before
        store.state.close()
    if given.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:>31}: {value:,}")
    sys.exit(bool(found["failed"] or found["in the table, and not answered"]))


if __name__ == "__main__":
    main()
