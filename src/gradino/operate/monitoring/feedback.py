"""Labels meet predictions: one row in `outcomes` for every model that scored the request, exactly once.

A label names its prediction by id, or by event time and, where the project has one, unit; then it is for every
prediction of that key. Labels may come before their prediction reaches the log, late, in any order and again. The first
one gives the outcome, and that is what experiment and alarm fold: evidence that was looked at does not change
afterwards. A later, different one is a correction: a row in `corrections` with the loss before and after, so that sums
can follow the newest label. The same label again is nothing new.

The tables are the truth, and the cursor says how much of them is joined. A crash in between does it again: what is
joined already is recognised by its id and label.
"""

from collections.abc import Iterable, Sequence
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

_WRITER, _CURSOR = "join", "feedback"
_PREDICTION = ["prediction_id", "event_time", "deployment", "version", "role", "prediction"]
_KEPT = ["prediction_id", "event_time", "version", "role", "prediction"]
_LABEL = ["prediction_id", "label", "event_time", "unit", "of"]
Key = tuple[str | None, datetime | None]
Rows = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Joined:
    """How many predictions got their first label and how many another one, and the newest event time of a first."""

    labels: int = 0
    corrected: int = 0
    newest: datetime | None = None


class Feedback:
    """The join of one project. `step()` takes in what the log has gained since the last one.

    What waits for a label is kept in memory, what is labelled is not.
    """

    def __init__(self, project: Project, store: Store) -> None:
        self._task, self._unit, self._store = project.project.task, project.project.unit, store
        self._slices = [f"x_{column}" for column in project.training.slices]  # outcomes keep them, for the alarm
        self._extra = [*self._slices, *([f"x_{self._unit}"] if self._unit else [])]
        self._scales: dict[int, float] = {}
        self._at: dict[str, int] = store.state.cursor(_CURSOR, {"predictions": -1, "feedback": -1})
        self._open: dict[str, list[Rows]] = {}
        self._keys: dict[Key, dict[str, None]] = {}  # the ids in `_open`
        self._early: dict[str | Key, Rows] = {}  # labels whose prediction is not in the log yet
        self._begin()

    def step(self) -> Joined:
        """Join what can be joined; safe to repeat after a crash at any point."""
        tables = self._store.tables
        until = {name: tables.version(name) for name in self._at}
        if until == self._at:
            return Joined()
        pairs: list[tuple[Rows, Rows]] = []
        self._await(self._new("predictions", until))
        self._drop_known()
        early, self._early = self._early, {}
        late = []
        for label in [*early.values(), *self._new("feedback", until)]:
            waiting = self._waiting(label)
            pairs += [(row, label) for name in waiting for row in self._close(name)]
            if not waiting:
                late.append(label)
        if pairs:
            tables.append("outcomes", self._outcomes(pairs), _WRITER, sum(until.values()))
        corrected = self._correct(late)
        if corrected:
            tables.append("corrections", pa.Table.from_pylist(corrected), _WRITER, sum(until.values()))
        total = self._store.state.cursor("corrected", 0) + len(corrected)
        with self._store.state.begin() as connection:
            self._store.state.move_cursor(connection, _CURSOR, until)
            self._store.state.move_cursor(connection, "corrected", total)
        self._at = until
        times = [label["event_time"] for _, label in pairs]
        return Joined(len({row["prediction_id"] for row, _ in pairs}), len(corrected), max(times, default=None))

    def _begin(self) -> None:
        """What waited when the last operator ended: predictions without an outcome, labels without a prediction."""
        tables = self._store.tables
        if self._at["predictions"] >= 0:
            known = tables.read("predictions", self._at["predictions"], self._columns("predictions", _PREDICTION))
            done = tables.read("outcomes", columns=["prediction_id"])
            assert known is not None
            self._await((known.join(done, "prediction_id", join_type="left anti") if done else known).to_pylist())
        if self._at["feedback"] >= 0:
            labels = tables.read("feedback", self._at["feedback"], self._columns("feedback", _LABEL))
            log = tables.read("predictions", self._at["predictions"], self._columns("predictions", _PREDICTION))
            assert labels is not None
            seen = set(log["prediction_id"].to_pylist()) if log and len(labels) else set()
            keys = {self._key(row) for row in log.to_pylist()} if log and "of" in labels.column_names else set()
            for label in labels.to_pylist():
                if not (label["prediction_id"] in seen or _key(label) in keys):
                    self._wait(label)

    def _columns(self, name: str, wanted: Iterable[str]) -> list[str]:
        table = self._store.tables.open(name)
        assert table is not None
        known = {field.name for field in pa.schema(table.schema().to_arrow())}
        return [column for column in dict.fromkeys((*wanted, *self._extra)) if column in known]

    def _new(self, name: str, until: dict[str, int]) -> list[Rows]:
        table = self._store.tables.added(name, self._at[name], until[name])
        if table is None:
            return []
        wanted = dict.fromkeys([*(_PREDICTION if name == "predictions" else _LABEL), *self._extra])
        rows: list[Rows] = table.select([column for column in wanted if column in table.column_names]).to_pylist()
        return rows

    def _await(self, rows: Sequence[Rows]) -> None:
        """Let predictions wait. A shadow's row that comes after the label has lost its pair."""
        for row in sorted(rows, key=lambda row: row["role"] == "shadow"):
            name = row["prediction_id"]
            if row["role"] != "shadow" or name in self._open:
                self._open.setdefault(name, []).append(row)
                self._keys.setdefault(self._key(row), {})[name] = None

    def _key(self, prediction: Rows) -> Key:
        unit = prediction.get(f"x_{self._unit}") if self._unit else None
        return None if unit is None else str(unit), prediction["event_time"]

    def _drop_known(self) -> None:
        """After a crash between the outcomes and the cursor, some predictions are labelled already."""
        if self._store.tables.position("outcomes", _WRITER) > sum(self._at.values()):
            known = self._store.tables.read("outcomes", columns=["prediction_id"])
            for name in set(known["prediction_id"].to_pylist()) & self._open.keys() if known else ():
                self._close(name)

    def _close(self, name: str) -> list[Rows]:
        """The rows of a prediction, which waits no longer."""
        rows = self._open.pop(name)
        names = self._keys[self._key(rows[0])]
        del names[name]
        if not names:
            del self._keys[self._key(rows[0])]
        return rows

    def _waiting(self, label: Rows) -> list[str]:
        """The waiting predictions that a label is for."""
        names = [label["prediction_id"]] if label["prediction_id"] else list(self._keys.get(_key(label), ()))
        return [name for name in names if name in self._open]

    def _wait(self, label: Rows) -> None:
        self._early.setdefault(label["prediction_id"] or _key(label), label)

    def _scored(self, key: Key) -> list[str]:
        """Ids of the predictions of a key that are in the log."""
        where = pc.field("event_time") == pa.scalar(key[1], pa.timestamp("us", tz="UTC"))
        if key[0] is not None and self._unit:
            where &= pc.field(f"x_{self._unit}").cast(pa.string()) == key[0]
        found = self._store.tables.read("predictions", columns=["prediction_id"], where=where)
        return found["prediction_id"].to_pylist() if found else []

    def _correct(self, labels: Sequence[Rows]) -> list[Rows]:
        """Labels of predictions that have one: nothing new, or a correction; the others wait."""
        if not labels:
            return []
        named = [[label["prediction_id"]] if label["prediction_id"] else self._scored(_key(label)) for label in labels]
        newest = self._newest({name for names in named for name in names})
        found = []
        for label, names in zip(labels, named, strict=True):
            known = [row for name in names for row in newest.get(name, [])]
            if not known:
                self._wait(label)
            for row in known:
                if row["label"] != label["label"]:
                    before = {f"{key}_before": row[key] for key in ("label", "loss", "error")}
                    row |= {"label": label["label"], "label_time": label["event_time"], "at": now()}
                    row |= self._judged(row)
                    found.append(row | before)
        return found

    def _newest(self, names: set[str]) -> dict[str, list[Rows]]:
        """The outcomes of predictions, with the newest label of each."""
        rows: dict[tuple[str, int], Rows] = {}
        for table in ("outcomes", "corrections"):
            wanted = pa.array(sorted(names), pa.string())
            found = self._store.tables.read(table, where=pc.field("prediction_id").isin(wanted))
            kept = found.sort_by("at").to_pylist() if found else []
            for row in kept:
                rows[row["prediction_id"], row["version"]] = {
                    key: value for key, value in row.items() if not key.endswith("_before")
                }
        by_name: dict[str, list[Rows]] = {}
        for (name, _), row in rows.items():
            by_name.setdefault(name, []).append(row)
        return by_name

    def _judged(self, row: Rows) -> Rows:
        loss, error = self._losses([row["prediction"]], [row["label"]], [row["scale"]])
        return {"loss": float(loss[0]), "error": float(error[0])}

    def _outcomes(self, pairs: list[tuple[Rows, Rows]]) -> pa.Table:
        pairs.sort(key=lambda pair: (pair[1]["event_time"], pair[0]["event_time"], pair[0]["prediction_id"]))
        scales = [self._scale(prediction["deployment"]) for prediction, _ in pairs]
        table = pa.Table.from_pylist(
            [
                {key: prediction.get(key) for key in (*_KEPT, *self._slices)}
                | {"label": label["label"], "label_time": label["event_time"], "scale": scale}
                for (prediction, label), scale in zip(pairs, scales, strict=True)
            ]
        )
        loss, error = self._losses(table["prediction"].to_pylist(), table["label"].to_pylist(), scales)
        at = pa.array([now()] * len(pairs), pa.timestamp("us", tz="UTC"))
        return (
            table.append_column("loss", pa.array(loss)).append_column("error", pa.array(error)).append_column("at", at)
        )

    def _losses(self, predictions: list[Any], labels: list[Any], scales: list[float]) -> tuple[Any, Any]:
        if self._task == "classification":
            loss = losses.bounded("classification", np.array(predictions, object), np.array(labels, object))
            return loss, loss
        prediction, label, scale = (np.array(v, dtype=np.float64) for v in (predictions, labels, scales))
        return losses.bounded("regression", prediction / scale, label / scale, 1.0), np.abs(prediction - label)

    def _scale(self, deployment: int) -> float:
        """The loss scale of the champion of a deployment: the pair of a request is measured in one unit."""
        if deployment not in self._scales:
            row = self._store.state.last(deployments, deployments.c.id == deployment)
            assert row is not None
            self._scales[deployment] = reference(self._store, row.champion).scale
        return self._scales[deployment]


def _key(label: Rows) -> Key:
    return label.get("unit"), label.get("of")
