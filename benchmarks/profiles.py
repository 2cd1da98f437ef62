"""Drift from profiles: how long the page takes whatever the window, and Evidently beside it on the rows themselves.

    python benchmarks/profiles.py [--evidently] [--rows 1000000] [--json]

100 million predictions of 20 features, a year of them, lie in a store as 365 rows of counts; the diagnosis of a day, a
month and the year is timed. With --evidently, a million reference rows and a million current ones, of which five of 20
columns moved, are judged by gradino (count once, then compare) and by Evidently (its drift preset, PSI at the same
limit of 0.1), which uv runs in an environment of its own, pinned below; both in seconds of CPU time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from gradino.inference import drift
from gradino.operate import registry
from gradino.operate.monitoring import diagnose
from gradino.operate.registry.schema import Day
from gradino.operate.store import Store
from gradino.operate.store.state import profiles, versions

PREDICTIONS, DAYS, NUMBERS, WORDS = 100_000_000, 365, 15, 5
MOVED = ("n0", "n1", "n2", "w0", "w1")
EVIDENTLY = "evidently==0.7.14"


def columns(rng: np.random.Generator, rows: int, moved: bool) -> dict[str, np.ndarray]:
    shift = {name: 0.5 if moved and name in MOVED else 0.0 for name in MOVED}
    made = {f"n{i}": rng.normal(shift.get(f"n{i}", 0.0), 1, rows) for i in range(NUMBERS)}
    for i in range(WORDS):
        share = 0.3 if shift.get(f"w{i}") else 0.05
        made[f"w{i}"] = np.where(rng.random(rows) < share, "rare", rng.choice(list("abcde"), rows)).astype(object)
    return made


def page(seed: int) -> dict[str, float]:
    """Seconds for the diagnosis of each window over a year of 100 million predictions."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.of(Path(folder))
        sample = columns(rng, 20_000, moved=False)
        cells = drift.cells(sample)
        start = date(2026, 1, 1)
        one = drift.profile(sample, cells)
        reference = [Day(start - timedelta(days=i), one.rows, one.counts) for i in range(DAYS, 0, -1)]
        digest, at = "0" * 64, datetime(2026, 1, 1, tzinfo=UTC)
        bundle = store.folder("bundles", digest)
        held = registry.Reference(1.0, one.rows, 0.2, [0.2] * 100, at)
        (bundle / "baseline.json").write_bytes(msgspec.json.encode(registry.Baseline(cells, reference, None, [])))
        (bundle / "reference.json").write_bytes(msgspec.json.encode(held))
        store.state.add(versions, number=1, run="r", bundle=digest, status="champion", at=at)
        factor = -(-PREDICTIONS // (DAYS * one.rows))
        counts = {name: [n * factor for n in column] for name, column in one.counts.items()}
        for i in range(DAYS):
            day = (start + timedelta(days=i)).isoformat()
            store.state.add(profiles, version=1, day=day, rows=one.rows * factor, counts=counts)
        found = {}
        for window in (1, 30, 365):
            began = time.perf_counter()
            diagnosis = diagnose(store, 1, window)
            found[f"{window} days"] = time.perf_counter() - began
            assert diagnosis is not None
        store.state.close()
    return found | {"predictions": float(diagnosis.rows)}


def beside(rows: int, seed: int) -> dict[str, object]:
    """gradino and Evidently on the same rows."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    before, now = columns(rng, rows, moved=False), columns(rng, rows, moved=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in (("before", before), ("now", now)):
            pd.DataFrame(frame).to_parquet(Path(folder) / f"{name}.parquet")
        began = time.process_time()
        cells = drift.cells(before)
        reference = drift.profile(before, cells)
        made = time.process_time()
        current = drift.profile(now, cells)
        counted = time.process_time()
        verdicts = {name: f.verdict for name, f in drift.compare(cells, reference, current).items()}
        done = time.process_time()
        ours = {name for name, verdict in verdicts.items() if verdict == "drift"}
        needs = [word for name in (EVIDENTLY, "pandas==2.3.3", "pyarrow") for word in ("--with", name)]
        command = ["uv", "run", "--no-project", "--python", "3.11", *needs, "python", "-c", THEIRS, folder]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        if said.returncode:
            raise SystemExit(f"Evidently failed: {said.stderr[-2000:]}")
        theirs = json.loads(said.stdout.splitlines()[-1])
    return {
        "rows": rows,
        "reference_seconds": made - began,
        "count_seconds": counted - made,
        "page_seconds": done - counted,
        "evidently_seconds": theirs["seconds"],
        "faster_page": theirs["seconds"] / (done - counted),
        "faster_with_counting": theirs["seconds"] / (done - made),
        "gradino_drift": sorted(ours),
        "evidently_drift": theirs["drift"],
        "same_verdicts": sorted(ours) == theirs["drift"],
    }


THEIRS = """
import json, sys, time
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
before, now = (pd.read_parquet(f"{sys.argv[1]}/{name}.parquet") for name in ("before", "now"))
words = [name for name in before if name.startswith("w")]
numbers = [name for name in before if name.startswith("n")]
definition = DataDefinition(numerical_columns=numbers, categorical_columns=words)
began = time.process_time()
a, b = (Dataset.from_pandas(frame, data_definition=definition) for frame in (before, now))
found = Report([DataDriftPreset(method="psi", threshold=0.1)]).run(b, a).dict()
seconds = time.process_time() - began
drift = sorted(
    metric["metric_id"].partition("column=")[2].partition(",")[0] for metric in found["metrics"]
    if metric["metric_id"].startswith("ValueDrift") and float(metric["value"]) >= 0.1
)
print(json.dumps({"seconds": seconds, "drift": drift}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evidently", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, dict[str, object]] = {"page": page(options.seed)}
    if options.evidently:
        found["beside"] = beside(options.rows, options.seed)
    if options.json:
        print(json.dumps(found))
        return
    for name, values in found.items():
        print(name)
        for key, value in values.items():
            print(f"  {key:22} {value:,.4g}" if isinstance(value, float) else f"  {key:22} {value}")


if __name__ == "__main__":
    main()
