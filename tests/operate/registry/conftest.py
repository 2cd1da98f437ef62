"""Bundles packed in this process: small, real, signed."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from gradino.operate.registry import Model, load, public_key
from gradino.operate.registry.bundle import CODE, LOCK, Lineage
from gradino.operate.registry.keys import private_key
from gradino.operate.registry.pack import finish, stage
from gradino.operate.registry.schema import Description, Field, Reference
from gradino.operate.store import Store

LINEAGE = Lineage("run", "commit", None, "code", "lock", 3, "data", 7, "tracker", {"mean_absolute_error": 1.5})
FRAME = pd.DataFrame({"hour": pd.date_range("2024-01-01", periods=8, freq="h", tz="UTC"), "warmth": np.arange(8.0)})


@dataclass(frozen=True)
class Packed:
    """A bundle at a path; the path may have been tampered with since."""

    path: Path
    digest: str
    key: Path

    def load(self) -> Model:
        return load(self.path, self.digest, self.key)


def pack(
    folder: Path,
    fitted: Any = None,
    files: dict[str, str] | None = None,
    score: str | None = None,
) -> Packed:
    """Pack `fitted` (sold = 2 · warmth when None) with `files` as the project's code."""
    store = Store.of(folder)
    code = folder / CODE
    for name, content in {"gradino.toml": "", LOCK: "version = 1\n", "shop.py": "OPEN = 8\n", **(files or {})}.items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(content)
    fitted = LinearRegression().fit(FRAME[["warmth"]], 2 * FRAME["warmth"]) if fitted is None else fitted
    inputs = [Field("hour", "timestamp"), Field("warmth", "number", minimum=-30.0, maximum=50.0)]
    features = None if score else ["warmth"]
    staged = folder / "staged"
    description = Description("shop", "regression", "sold", "hour", score, features, inputs)
    model, _ = stage(staged, fitted, fitted, code, description)
    answers = model.predict(FRAME)
    losses = Reference(2.0, 8, 0.1, [0.1] * 8, FRAME["hour"].min().to_pydatetime())
    path = finish(staged, store.folder("bundles"), FRAME, answers, losses, LINEAGE, private_key(store))
    shutil.rmtree(code)
    return Packed(path, path.name, public_key(store))


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """A bundle nobody changes."""
    return pack(tmp_path_factory.mktemp("original"))


@pytest.fixture
def packed(original: Packed, tmp_path: Path) -> Packed:
    """A copy of it, to do harm to."""
    path = shutil.copytree(original.path, tmp_path / original.digest)
    return Packed(path, original.digest, original.key)
