"""Live error: the tables `outcomes` and `predictions` come in, sums by hour and model go out.

The tables only grow, so what was folded once is never read again: a step reads the rows that are new.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

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


_Key = tuple[datetime, int, bool]  # hour or day, version, whether the user got this answer


@dataclass
class Series:
    """Sums of one store's outcomes; `step()` brings them up to date."""

    tables: Tables
    answered: int = 0  # predictions that a user got
    labelled: int = 0  # and whose label came
    _sums: dict[_Key, _Sum] = field(default_factory=dict)
    _at: dict[str, int] = field(default_factory=dict)
    _rolled: dict[timedelta, dict[_Key, _Sum]] = field(default_factory=dict)

    def step(self) -> None:
        """Take in what the tables have gained since the last step."""
        for batch in self._new("predictions", ["role"]):
            self.answered += pc.sum(pc.not_equal(batch["role"], "shadow")).as_py() or 0
        for batch in self._new("outcomes", ["event_time", "version", "role", "loss", "error"]):
            self._fold(batch)
            self._rolled.clear()

    def _new(self, name: str, columns: list[str]) -> Iterator[pa.Table]:
        until, after = self.tables.version(name), self._at.get(name, -1)
        if until <= after:
            return
        if after < 0:  # the whole table, a batch at a time
            table = self.tables.open(name, until)
            assert table is not None
            for batch in table.to_pyarrow_dataset().to_batches(columns=columns):
                yield pa.Table.from_batches([batch])
        elif (added := self.tables.added(name, after, until)) is not None:
            yield added.select(columns)
        self._at[name] = until

    def _fold(self, rows: pa.Table) -> None:
        rows = rows.filter(pc.is_finite(rows["loss"]))
        hours = pc.floor_temporal(rows["event_time"], unit="hour").cast(pa.timestamp("s", tz="UTC"))
        answers = pc.not_equal(rows["role"], "shadow")
        self.labelled += pc.sum(answers).as_py() or 0
        keyed = pa.table(
            {
                "hour": hours,
                "version": rows["version"],
                "answers": answers,
                "loss": rows["loss"],
                "error": pc.abs(rows["error"]),
            }
        )
        grouped = keyed.group_by(["hour", "version", "answers"]).aggregate(
            [("loss", "count"), ("loss", "sum"), ("error", "sum")]
        )
        for row in grouped.to_pylist():
            key = (row["hour"].astimezone(UTC), row["version"], row["answers"])
            _add(self._sums, key, _Sum(row["loss_count"], row["loss_sum"], row["error_sum"]))

    @property
    def newest(self) -> datetime | None:
        """The newest hour that has a label."""
        return max((key[0] for key in self._sums), default=None)

    @property
    def step_width(self) -> timedelta:
        """What one drawn point stands for: an hour in a short story, a day in a long one."""
        times = [key[0] for key in self._sums]
        return HOUR if times and max(times) - min(times) < _BY_HOUR_UNTIL else DAY

    def points(self, *, answers: bool) -> list[Point]:
        """By hour or day: of the models that answered, or of those that only listened. Oldest first."""
        found = [
            Point(key[0], key[1], sum_.n, sum_.loss / sum_.n, sum_.error / sum_.n)
            for key, sum_ in self._by(self.step_width).items()
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


def _add(sums: dict[_Key, _Sum], key: _Key, more: _Sum) -> None:
    own = sums.setdefault(key, _Sum())
    own.n, own.loss, own.error = own.n + more.n, own.loss + more.loss, own.error + more.error
