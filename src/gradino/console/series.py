"""What the tables say, folded: `outcomes`, `predictions` and `quarantine` come in, sums by hour and model go out.

The tables only grow, so what was folded once is never read again: a step reads the rows that are new. Columns become
lists on the way to numpy, since Arrow's `to_numpy`, scalars and grouping import pandas, which stays: 50 MB.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gradino.operate.store.tables import Tables

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_BY_HOUR_UNTIL = timedelta(days=4)  # shorter stories are drawn by the hour


@dataclass(frozen=True, slots=True)
class Point:
    """Labelled predictions of one model in one hour or day of event time: how many, and their means."""

    when: datetime
    version: int
    n: int
    loss: float
    error: float


@dataclass(slots=True)
class _Sum:
    n: int = 0
    loss: float = 0.0
    error: float = 0.0


_CORRECTED = ["event_time", "version", "role", "loss", "error"]
_Key = tuple[datetime, int, bool]  # hour or day, version, whether the user got this answer


@dataclass
class Series:
    """Sums of one store's outcomes; `step()` brings them up to date."""

    tables: Tables
    answered: int = 0  # predictions that a user got
    labelled: int = 0  # and whose label came
    quarantined: Counter[str] = field(default_factory=Counter)  # rows by the reason for which they were kept out
    _sums: dict[_Key, _Sum] = field(default_factory=dict)
    _at: dict[str, int] = field(default_factory=dict)
    _rolled: dict[timedelta, dict[_Key, _Sum]] = field(default_factory=dict)

    def step(self) -> None:
        """Take in what the tables have gained since the last step."""
        for batch in self._new("predictions", ["role"]):
            self.answered += int(_answers(batch).sum())
        for batch in self._new("quarantine", ["reason"]):
            self.quarantined.update(batch["reason"].to_pylist())
        for batch in self._new("outcomes", _CORRECTED):
            self._fold(batch)
            self._rolled.clear()
        for batch in self._new("corrections", [*_CORRECTED, "loss_before", "error_before"]):
            self._correct(batch)
            self._rolled.clear()

    def _new(self, name: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
        until = self.tables.version(name)
        for rows in self.tables.pieces(name, self._at.get(name, -1), until, columns):
            yield from rows.to_batches(max_chunksize=8192)
        self._at[name] = until

    def _fold(self, rows: pa.RecordBatch) -> None:
        loss, error = (np.array(rows[name].to_pylist(), np.float64) for name in ("loss", "error"))
        micros = rows["event_time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
        hours = np.array(micros.to_pylist(), np.int64) // 3_600_000_000
        keys = np.column_stack([hours, rows["version"].to_pylist(), _answers(rows)])
        known = np.isfinite(loss)
        self.labelled += int((keys[:, 2].astype(bool) & known).sum())
        groups, which = np.unique(keys[known], axis=0, return_inverse=True)
        which = which.reshape(-1)
        counts = np.bincount(which)
        losses, errors = np.bincount(which, loss[known]), np.bincount(which, np.abs(error[known]))
        for (hour, version, answers), *sums in zip(groups.tolist(), counts, losses, errors, strict=True):
            when = datetime.fromtimestamp(hour * 3600, UTC)
            _add(self._sums, (when, version, bool(answers)), _Sum(*(each.item() for each in sums)))

    def _correct(self, rows: pa.RecordBatch) -> None:
        """The newest label counts: the sums move by what it changes."""
        for row in rows.to_pylist():
            when = row["event_time"].astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            change = _Sum(0, row["loss"] - row["loss_before"], row["error"] - row["error_before"])
            _add(self._sums, (when, row["version"], row["role"] != "shadow"), change)

    @property
    def newest(self) -> datetime | None:
        """The newest hour that has a label."""
        return max((key[0] for key in self._sums), default=None)

    @property
    def width(self) -> timedelta:
        """What one drawn point stands for: an hour in a short story, a day in a long one."""
        times = [key[0] for key in self._sums]
        return HOUR if times and max(times) - min(times) < _BY_HOUR_UNTIL else DAY

    def points(self, *, answers: bool) -> list[Point]:
        """By hour or day: of the models that answered, or of those that only listened. Oldest first."""
        found = [
            Point(key[0], key[1], sum_.n, sum_.loss / sum_.n, sum_.error / sum_.n)
            for key, sum_ in self._by(self.width).items()
            if key[2] is answers
        ]
        return sorted(found, key=lambda point: (point.version, point.when))

    def recent(self, version: int, span: timedelta) -> Point | None:
        """The last `span` of labels of an answering version as one point."""
        own = {key[0]: sum_ for key, sum_ in self._sums.items() if key[1] == version and key[2]}
        if not own:
            return None
        last = max(own)
        total = _Sum()
        for hour, sum_ in own.items():
            if hour > last - span:
                total = _Sum(total.n + sum_.n, total.loss + sum_.loss, total.error + sum_.error)
        return Point(last, version, total.n, total.loss / total.n, total.error / total.n)

    def _by(self, width: timedelta) -> dict[_Key, _Sum]:
        if width == HOUR:
            return self._sums
        if width not in self._rolled:
            days: dict[_Key, _Sum] = {}
            for (hour, version, answers), sum_ in self._sums.items():
                _add(days, (hour.replace(hour=0), version, answers), sum_)
            self._rolled[width] = days
        return self._rolled[width]


def _answers(rows: pa.RecordBatch) -> NDArray[np.bool_]:
    """Whether a user got the prediction; a shadow's was only logged."""
    return np.array([role != "shadow" for role in rows["role"].to_pylist()])


def _add(sums: dict[_Key, _Sum], key: _Key, more: _Sum) -> None:
    own = sums.setdefault(key, _Sum())
    own.n, own.loss, own.error = own.n + more.n, own.loss + more.loss, own.error + more.error
