"""Does a worker's memory grow, and how fast is the compactor? One worker under full load, in turns with the compactor.

    python benchmarks/serving/soak.py [--seconds 60] [--rows 100] [--connections 16] [--json]

Resident memory is read after each slice of load. The slope is a least-squares line over the second half: in the first,
caches and buffers fill. `behind` is what waited to be compacted at the end of a slice. No load runs meanwhile, so this
does not show that the compactor keeps up beside a busy worker.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from load import drive
from project import free_port, make_bundle, make_project
from throughput import HERE, sent

from gradino.operate.serving import compact
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, versions

SLICE = 3.0  # seconds
ENVIRONMENT = "soak"


def resident(pid: int) -> float:
    """MiB."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def soak(pid: int, port: int, store: Store, rows: int, connections: int, seconds: float) -> dict[str, float]:
    """Load for `seconds`; the compactor runs after each slice."""
    ((_, path, body, kind),) = sent("gradino python durable", rows)
    end, predictions, behind, spent, failed = time.monotonic() + seconds, 0.0, 0, 0.0, 0
    seen: list[tuple[float, float]] = []
    while time.monotonic() < end:
        load = drive(port, path, body, connections, SLICE, kind)
        predictions += load.per_second * SLICE * rows
        failed += load.failed
        seen.append((predictions, resident(pid)))
        began = time.monotonic()
        behind = compact(store, ENVIRONMENT).predictions
        spent += time.monotonic() - began
        print(f"{predictions:,.0f} predictions, {seen[-1][1]:.0f} MiB, {behind:,} behind", file=sys.stderr)
    half = np.array(seen[len(seen) // 2 :])
    slope = float(np.polyfit(half[:, 0] / 1e6, half[:, 1], 1)[0]) if len(half) > 1 else float("nan")
    return {
        "predictions": round(predictions),
        "failed": failed,
        "MiB at first": round(seen[0][1], 1),
        "MiB at last": round(seen[-1][1], 1),
        "MiB for a million predictions": round(slope, 2),
        "predictions a second": round(predictions / (len(seen) * SLICE)),
        "compacted a second": round(predictions / spent),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, port = Path(folder), free_port()
        store = make_project(root)
        store.state.add(versions, number=1, run="1", bundle=make_bundle(root, 1).name, status="champion")
        row = {"environment": ENVIRONMENT, "champion": 1, "challenger": None, "weight": 0.0}
        store.state.add(deployments, reason="benchmark", **row)
        place = [str(root), ENVIRONMENT, str(port)]
        server = subprocess.Popen([sys.executable, str(HERE / "ours.py"), *place, "durable", "compiled"])
        try:
            while server.poll() is None:
                try:
                    ((_, path, body, kind),) = sent("gradino python durable", 1)
                    if not drive(port, path, body, 1, 0.5, kind).failed:
                        break
                except OSError:
                    time.sleep(0.2)
            found = soak(server.pid, port, store, given.rows, given.connections, given.seconds)
        finally:
            server.terminate()
            server.wait(30)
            store.state.close()
    if given.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:>30}: {value:,}")
    sys.exit(bool(found["failed"]))


if __name__ == "__main__":
    main()
