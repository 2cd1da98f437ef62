"""A project with signed bundles for the benchmarks of the scoring server."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gradino.operate.registry.bundle import CODE, LOCK, Lineage
from gradino.operate.registry.keys import private_key
from gradino.operate.registry.pack import finish, stage
from gradino.operate.registry.schema import Description, Field, Reference
from gradino.operate.store import Store

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


def fit(seed: int) -> tuple[Pipeline, pd.DataFrame]:
    """StandardScaler → HistGradientBoosting(100), and the rows it has seen."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(chance.random((17_000, len(FEATURES))), columns=FEATURES)
    target = frame.sum(axis=1) + chance.normal(0, 0.1, len(frame))
    return make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=100)).fit(frame, target), frame


def make_project(root: Path) -> Store:
    """A project whose code is never run."""
    (root / "gradino.toml").write_text(TOML)
    (root / "code.py").write_text("def collect(since): ...\ndef train(frame): ...\n")
    return Store.of(root)


def make_bundle(root: Path, seed: int) -> Path:
    """In the project's store, a signed bundle."""
    fitted, frame = fit(seed)
    store = Store.of(root)
    code = root / CODE
    code.mkdir(exist_ok=True)
    (code / "gradino.toml").write_text(TOML)
    (code / LOCK).write_text("version = 1\n")
    inputs = [Field(name, "number") for name in FEATURES]
    staged = root / "staged"
    stage(staged, fitted, fitted, code, Description("bench", "regression", "y", "hour", None, FEATURES, inputs))
    lineage = Lineage("run", None, None, "code", "lock", 0, "data", seed, "tracker", {})
    shown = frame.head(50)
    answers, losses = np.asarray(fitted.predict(shown)), Reference(1.0, 1, 0.1, [0.1], datetime(2024, 1, 1, tzinfo=UTC))
    return finish(staged, store.folder("bundles"), shown, answers, losses, lineage, private_key(store))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
