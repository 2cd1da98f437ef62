"""Labels meet predictions: one row in `outcomes` for every model that scored the request, exactly once.

A label names its prediction by id, or by event time and, where the project has one, unit; then it is for every
prediction of that key. Labels may come before their prediction reaches the log, late, in any order and again. The first
one gives the outcome, and that is what experiment and alarm fold: evidence that was looked at does not change
afterwards. A later, different one is a correction: a row in `corrections` with the loss before and after, so that sums
can follow the newest label. The same label again is nothing new.

The tables are the truth, and the cursor says how much of them is joined. A crash in between does it again: what is
joined already is recognised by its id and label. What waits is saved now and then; a start reads what came since.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gradino.inference import losses
from gradino.operate.monitoring import waiting
from gradino.operate.monitoring.reference import reference
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, now

_WRITER, _CURSOR = "join", "feedback"
_PREDICTION = ["prediction_id", "event_time", "deployment", "version", "role", "prediction"]
_PAUSE = 600.0  # seconds between two times that what waits is saved, or 50 times what that takes
_MOMENT = pa.timestamp("us", tz="UTC")
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
        self._keep = project.serving.keep
        self._at: dict[str, int] = store.state.cursor(_CURSOR, {"predictions": -1, "feedback": -1})
        self._open: dict[str, list[Rows]] = {}
        self._keys: dict[Key, dict[str, None]] = {}  # the ids in `_open`
        self._early: dict[str | Key, Rows] = {}  # labels whose prediction is not in the log yet
        self._done = pa.array([], pa.string())  # ids of outcomes that may be beyond the cursor
        self._begin()
        self._due = time.monotonic() + _PAUSE

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
        answered: set[str | Key] = set()
        for i, label in enumerate([*early.values(), *self._new("feedback", until)]):
            for name in (names := self._waiting(label)):
                rows = self._close(name)
                pairs += [(row, label) for row in rows]
                answered |= {name, self._key(rows[0])}
            if names:
                continue
            if i < len(early) and _of(label) not in answered and not len(self._done):
                self._wait(label)
            else:
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
        self._at, self._done = until, self._done.slice(0, 0)
        if time.monotonic() >= self._due:
            self.save()
        times = [label["event_time"] for _, label in pairs]
        return Joined(len({row["prediction_id"] for row, _ in pairs}), len(corrected), max(times, default=None))

    def save(self) -> None:
        """Let what waits last, so that the next start reads what is newer; without what `[serving] keep` let go."""
        clock, began = self._store.clock(), time.monotonic()
        if clock and self._keep:
            for name in [name for name, rows in self._open.items() if rows[0]["event_time"] < clock - self._keep]:
                self._close(name)
            self._early = {k: label for k, label in self._early.items() if label["event_time"] >= clock - self._keep}
        rows, early = [row for rows in self._open.values() for row in rows], list(self._early.values())
        outcomes = self._store.tables.version("outcomes")
        waiting.save(self._store, waiting.Waiting(**self._at, outcomes=outcomes, open=rows, early=early))
        ended = time.monotonic()
        self._due = ended + max(_PAUSE, 50 * (ended - began))

    def _begin(self) -> None:
        """What waited when the last operator ended: predictions without an outcome, labels without a prediction."""
        kept, tables = waiting.load(self._store), self._store.tables
        joined = tables.pieces("outcomes", kept.outcomes, tables.version("outcomes"), ["prediction_id"])
        parts = [chunk for rows in joined for chunk in rows["prediction_id"].cast(pa.string()).chunks]
        self._done = pa.chunked_array(parts, pa.string()).combine_chunks()
        self._await(kept.open)
        self._drop_known()
        for rows in self._since("predictions", kept.predictions, _PREDICTION):
            self._await(rows)
        labels = [*kept.early, *(label for rows in self._since("feedback", kept.feedback, _LABEL) for label in rows)]
        for label in self._unanswered(labels):
            self._wait(label)

    def _since(self, name: str, after: int, columns: list[str]) -> Iterator[list[Rows]]:
        """The rows up to the cursor that have no outcome by their id."""
        for rows in self._store.tables.pieces(name, after, self._at[name], [*columns, *self._extra]):
            yield rows.filter(pc.invert(pc.is_in(rows["prediction_id"], value_set=self._done))).to_pylist()

    def _unanswered(self, labels: Sequence[Rows]) -> list[Rows]:
        """Those of these labels that still wait: their prediction is not in the log and has no outcome."""
        if not labels:
            return []
        tables = self._store.tables
        names = pa.array(sorted({label["prediction_id"] for label in labels} - {None}), pa.string())
        known = tables.read("outcomes", columns=["prediction_id"], where=pc.field("prediction_id").isin(names))
        seen = {*self._open, *(known["prediction_id"].to_pylist() if known else ())}
        times = pa.array(sorted({label["of"] for label in labels if label.get("of")}), _MOMENT)
        keys: set[Key] = set()
        if len(times) and tables.version("predictions") >= 0:
            columns = self._columns("predictions", ["event_time"])
            log = tables.read("predictions", columns=columns, where=pc.field("event_time").isin(times))
            keys = {self._key(row) for row in log.to_pylist()} if log else set()
        return [label for label in labels if label["prediction_id"] not in seen and _key(label) not in keys]

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
        names = pa.array(list(self._open) if len(self._done) else [], pa.string())
        for name in names.filter(pc.is_in(names, value_set=self._done)).to_pylist():
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
        self._early.setdefault(_of(label), label)

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


def _of(label: Rows) -> str | Key:
    """What a label names its prediction by."""
    return label["prediction_id"] or _key(label)
