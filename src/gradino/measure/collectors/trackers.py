"""Trackers committed to the repository: `mlruns/` folders and `mlflow.db`. They show runs, or that there are none."""

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree


def collect(tree: Tree, _code: Code) -> Iterator[Resource]:
    """One resource per tracker: `runs` where it holds runs with metrics, `versioned-model` where it holds versions."""
    runs = {m[1] for p in tree.sizes if (m := re.search(r"(?:^|/)mlruns/[^/]+/([0-9a-f]{32})/metrics/", p))}
    versions = any(re.search(r"(^|/)mlruns/models/[^/]+/version-\d+/", p) for p in tree.sizes)
    if any("mlruns/" in p for p in tree.sizes):
        path = next(p for p in tree.sizes if "mlruns/" in p)
        traits = {"tracker-runs"} if runs else set()
        traits |= {"versioned-model"} if versions else set()
        yield Resource("MLflow", "committed tracker", path, 0, f"mlruns with {len(runs)} runs", frozenset(traits))
    for path in tree.named("mlflow*.db"):
        data = tree.data(path)
        if data and data.startswith(b"SQLite format 3"):
            count, models = _rows(data)
            traits = ({"tracker-runs"} if count else set()) | ({"versioned-model"} if models else set())
            yield Resource(
                "MLflow",
                "committed tracker",
                path,
                0,
                f"{path} with {count} runs, {models} model versions",
                frozenset(traits),
            )


def _rows(data: bytes) -> tuple[int, int]:
    """Runs and model versions in a tracker's database; zeros where it cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tracker.db"
        copy.write_bytes(data)
        try:
            connection = sqlite3.connect(f"{copy.as_uri()}?mode=ro&immutable=1", uri=True)
            try:
                runs = connection.execute("select count(*) from runs").fetchone()[0]
                models = connection.execute("select count(*) from model_versions").fetchone()[0]
            finally:
                connection.close()
        except sqlite3.Error:
            return 0, 0
    return int(runs), int(models)
