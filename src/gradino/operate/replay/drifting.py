"""Have the rows drifted? Those since the last training against the same season of what the champion learnt from."""

from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradino.inference import drift
from gradino.operate.replay.history import History

_EVERY = 7  # days between two comparisons


class Drifting:
    """The diagnosis of drift for the drift policy, once a week; as `monitoring.diagnose` has it, without a store."""

    def __init__(self, history: History) -> None:
        self._columns = {str(name): _values(history, name) for name in history.frame.columns}
        days = history.times.astype("datetime64[D]").astype(np.int64)
        self._first, self._day = int(days[0]), days - days[0]
        self._made: tuple[int, drift.Cells, dict[str, NDArray[np.intp]]] | None = None
        self._said: tuple[int, int, bool] | None = None

    def drifted(self, trained: int, start: int, until: int) -> bool:
        """Whether any column of the rows `start … until` drifted from those before `trained`."""
        week = int(self._day[until - 1]) // _EVERY
        if self._said is None or self._said[:2] != (trained, week):
            self._said = trained, week, self._compare(trained, start, until)
        return self._said[2]

    def _compare(self, trained: int, start: int, until: int) -> bool:
        if not self._columns or min(until - start, trained) < drift.MINIMUM:
            return False
        cells, counts = self._counts(trained)
        first, last = int(self._day[start]), int(self._day[until - 1])
        known = range(int(self._day[trained - 1]) + 1)
        season = drift.season([self._date(d) for d in known], self._date(first), self._date(last))
        usual = [p for p in (_profile(cells, counts, day) for day in season) if p.rows]
        current = drift.profile({name: values[start:until] for name, values in self._columns.items()}, cells)
        found = drift.compare(cells, drift.merge(usual), current, usual)
        return any(finding.verdict == "drift" for finding in found.values())

    def _counts(self, trained: int) -> tuple[drift.Cells, dict[str, NDArray[np.intp]]]:
        """Cells of the training rows, and counts of them by day, shape (days, cells)."""
        if self._made is None or self._made[0] != trained:
            cells = drift.cells({name: values[:trained] for name, values in self._columns.items()})
            days = int(self._day[trained - 1]) + 1
            counts = {}
            for name, values in self._columns.items():
                size = len(drift.labels(cells.columns[name]))
                place = self._day[:trained] * size + drift.place(values[:trained], cells.columns[name])
                counts[name] = np.bincount(place, minlength=days * size).reshape(days, size)
            self._made = trained, cells, counts
        return self._made[1], self._made[2]

    def _date(self, day: int) -> date:
        return date(1970, 1, 1) + timedelta(days=self._first + day)


def _values(history: History, name: Any) -> NDArray[Any]:
    column = history.frame[name]
    if column.dtype.kind in "biuf":
        return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
    return np.asarray(column.astype(object).where(column.notna(), None))


def _profile(cells: drift.Cells, counts: dict[str, NDArray[np.intp]], day: int) -> drift.Profile:
    sums = {name: tuple(table[day].tolist()) for name, table in counts.items()}
    return drift.Profile(cells.id, sum(next(iter(sums.values()))), sums)
