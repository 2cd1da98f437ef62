"""Labels meet predictions: one row in `outcomes` for every model that scored the request, exactly once.

The tables are the truth; the predictions that still wait for a label are kept in memory and found again at start.
The first label of a prediction counts.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gradino.inference import losses
from gradino.operate.monitoring.reference import reference
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, now

_WRITER = "join"
_PREDICTION = ["prediction_id", "event_time", "deployment", "version", "role", "prediction"]
_LABEL = ["prediction_id", "label", "event_time"]


@dataclass(frozen=True, slots=True)
class Joined:
    """How many predictions got their label, and the newest event time of one."""

    labels: int = 0
    newest: datetime | None = None


class Feedback:
    """The join of one project. `step()` takes in what the log has gained since the last one."""

    def __init__(self, project: Project, store: Store) -> None:
        self._task, self._store = project.project.task, store
        self._scales: dict[int, float] = {}
        self._predictions = self._feedback = -1  # table versions taken in
        self._open: dict[str, list[dict[str, Any]]] = {}
        self._early: dict[str, dict[str, Any]] = {}  # labels whose prediction is not in the log yet
        self._done: set[str] = self._outcomes()

    def step(self) -> Joined:
        """Join what can be joined; safe to repeat after a crash at any point."""
        tables = self._store.tables
        predictions, feedback = tables.version("predictions"), tables.version("feedback")
        for row in _rows(tables.added("predictions", self._predictions, predictions), _PREDICTION):
            if row["prediction_id"] not in self._done:
                self._open.setdefault(row["prediction_id"], []).append(row)
        for row in _rows(tables.added("feedback", self._feedback, feedback), _LABEL):
            if row["prediction_id"] not in self._done:
                self._early.setdefault(row["prediction_id"], row)
        matched = [key for key in self._early if key in self._open]
        if matched:
            data = self._table([(p, self._early[key]) for key in matched for p in self._open[key]])
            tables.append("outcomes", data, _WRITER, predictions + feedback)
        self._predictions, self._feedback = predictions, feedback
        for key in matched:
            del self._open[key]
        labels = [self._early.pop(key)["event_time"] for key in matched]
        self._done.update(matched)
        return Joined(len(matched), max(labels, default=None))

    def _table(self, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> pa.Table:
        pairs.sort(key=lambda pair: (pair[1]["event_time"], pair[0]["event_time"], pair[0]["prediction_id"]))
        table = pa.Table.from_pylist(
            [
                {key: prediction[key] for key in ("prediction_id", "event_time", "version", "role", "prediction")}
                | {"label": label["label"], "label_time": label["event_time"]}
                for prediction, label in pairs
            ]
        )
        prediction, label = (table[name].to_numpy(zero_copy_only=False) for name in ("prediction", "label"))
        if self._task == "regression":
            scale = np.array([self._scale(p["deployment"]) for p, _ in pairs])
            error = np.abs(prediction - label)
            loss = losses.bounded("regression", prediction / scale, label / scale, 1.0)
        else:
            loss = losses.bounded("classification", prediction, label)
            error = loss
        at = pa.array([now()] * len(pairs), pa.timestamp("us", tz="UTC"))
        return (
            table.append_column("loss", pa.array(loss)).append_column("error", pa.array(error)).append_column("at", at)
        )

    def _scale(self, deployment: int) -> float:
        """The loss scale of the champion of a deployment: the pair of a request is measured in one unit."""
        if deployment not in self._scales:
            row = self._store.state.last(deployments, deployments.c.id == deployment)
            assert row is not None
            self._scales[deployment] = reference(self._store, row.champion).scale
        return self._scales[deployment]

    def _outcomes(self) -> set[str]:
        table = self._store.tables.read("outcomes", columns=["prediction_id"])
        return set(pc.unique(table["prediction_id"]).to_pylist()) if table else set()


def _rows(table: pa.Table | None, columns: list[str]) -> list[dict[str, Any]]:
    return table.select(columns).to_pylist() if table else []
