"""Records as the operator leaves them, made through the store's own verbs: enough for rooms that read only records."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from gradino.operate.project import Project
from gradino.operate.registry import Baseline, Reference
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions, deployments, runs, versions

START = datetime(2026, 1, 1, tzinfo=UTC)
_TIME = pa.timestamp("us", tz="UTC")


def project(root: Path, **sections: dict[str, Any]) -> Project:
    """A regression project; sections as in gradino.toml."""
    return Project.model_validate(
        {
            "root": root,
            "project": {"name": "town", "task": "regression", "target": "y", "time": "t"},
            "data": {"source": "town:collect"},
            "training": {"train": "town:train"},
            **sections,
        }
    )


def version(
    store: Store,
    number: int,
    loss: float = 0.2,
    status: str = "champion",
    baseline: Baseline | None = None,
    losses: list[float] | None = None,
) -> None:
    """A registered version whose holdout losses lie around `loss`, unless given; its scale is 100."""
    losses = losses or np.clip(np.random.default_rng(number).normal(loss, 0.02, 500), 0, 1).tolist()
    if baseline:
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        (store.folder("bundles", digest) / "baseline.json").write_bytes(msgspec.json.encode(baseline))
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    reference = Reference(scale=100.0, n=500, mean=float(np.mean(losses)), losses=losses, since=START)
    (store.folder("bundles", digest) / "reference.json").write_bytes(msgspec.json.encode(reference))
    store.state.add(
        runs, id=f"run-{number}", status="finished", reason="test", version=number, data_version=0, event_time=START
    )
    store.state.add(versions, number=number, run=f"run-{number}", bundle=digest, status=status)


def rows(store: Store, n: int = 24 * 365) -> None:
    """A year of hourly rows, version 0 of the table."""
    times = pa.array([START - timedelta(hours=n - i) for i in range(n)], _TIME)
    store.tables.append("rows", pa.table({"t": times, "y": np.zeros(n)}), "collect", 0)
    store.state.add(data_versions, version=0, digest="d0", files={}, raw="r0", rows=n, quarantined=0, until=START)


def live(store: Store, champion: int, challenger: int | None = None, weight: float = 0.0) -> int:
    """Point production at a version; returns the deployment's id."""
    return int(
        store.state.add(
            deployments,
            environment="production",
            champion=champion,
            challenger=challenger,
            weight=weight,
            reason="test",
        )
    )


class Production:
    """Predictions and labels of an hour each, written as the compactor writes them."""

    def __init__(self, store: Store, deployment: int) -> None:
        self.store, self.deployment, self.hour, self.batch = store, deployment, 0, 0

    def predict(
        self, errors: dict[int, list[float]], answering: int, inputs: dict[str, list[object]] | None = None
    ) -> list[str]:
        """One request per error; the truth is always 0, so the error of a version is what it predicts."""
        count = len(next(iter(errors.values())))
        ids = [f"p{self.deployment}-{self.hour + i}" for i in range(count)]
        table = pa.Table.from_pylist(
            [
                {
                    "prediction_id": ids[i],
                    "event_time": START + timedelta(hours=self.hour + i),
                    "deployment": self.deployment,
                    "version": number,
                    "role": "champion" if number == answering else "shadow",
                    "prediction": float(error[i]),
                }
                | {f"x_{name}": values[i] for name, values in (inputs or {}).items()}
                for number, error in errors.items()
                for i in range(count)
            ]
        )
        self.batch += 1
        self.store.tables.append("predictions", table, "log", self._sequence())
        self.hour += count
        return ids

    def tell_by_key(self, hours: list[int], label: float = 0.0) -> None:
        """Labels by the event time that was predicted for, a day late."""
        table = pa.table(
            {
                "prediction_id": pa.array([None] * len(hours), pa.string()),
                "label": pa.array([label] * len(hours), pa.float64()),
                "event_time": pa.array([START + timedelta(hours=h + 24) for h in hours], _TIME),
                "unit": pa.array([None] * len(hours), pa.string()),
                "of": pa.array([START + timedelta(hours=h) for h in hours], _TIME),
            }
        )
        self.store.tables.append("feedback", table, "log", self._sequence())

    def tell(self, ids: list[str], label: float = 0.0) -> None:
        """Labels, a day late."""
        hours = [int(key.partition("-")[2]) + 24 for key in ids]
        table = pa.table(
            {
                "prediction_id": ids,
                "label": pa.array([label] * len(ids), pa.float64()),
                "event_time": pa.array([START + timedelta(hours=h) for h in hours], _TIME),
            }
        )
        self.store.tables.append("feedback", table, "log", self._sequence())

    def _sequence(self) -> int:
        return self.store.tables.version("predictions") + self.store.tables.version("feedback") + 3
