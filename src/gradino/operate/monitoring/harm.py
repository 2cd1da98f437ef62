"""The harm alarm of the champion: has its loss in production risen above what it was released with?

The unit of evidence is the day: the mean loss of the labels that became known on it. Losses of one day resemble each
other – a storm, a holiday –, and to count every label as news would see harm where there is only weather. What a day is
allowed follows from the hours of the week that its predictions were for, so a model that is always worse at rush hour
does no harm. Slices have an alarm each; half of the one false alarm a year is theirs, in equal parts.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import insert

from gradino.inference import alarm
from gradino.operate.monitoring.profiles import baseline, places
from gradino.operate.monitoring.reference import reference
from gradino.operate.store import Store
from gradino.operate.store.state import alarms

HOURS = 168  # of a week: the contexts of a loss
_DAYS_A_YEAR = 365.0  # the threshold: about one false alarm a year
_LEAST = 100  # rows of the holdout that a slice needs to be watched
_DAY = 86_400_000_000  # microseconds
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
Kept = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm of the champion, in a slice or (None) over all rows."""

    version: int
    slice: str | None
    since: datetime


def watch(store: Store, champion: int) -> list[Raised]:
    """Fold the champion's new outcomes into its alarms; returns those that are raised now for the first time.

    State, history and alarm move in one transaction, so a crash repeats nothing.
    """
    name, until = f"harm:{champion}", store.tables.version("outcomes")
    kept = store.state.cursor(name, None) or _begin(store, name, champion, until)
    new = store.tables.added("outcomes", kept["position"], until)
    if new is None:
        return []
    moved, raised = {"position": until, **_fold(kept, new, champion)}, []
    against = baseline(store, champion)
    watched: dict[str, Kept] = {}
    for column, slices in against.slices.items() if against else ():
        cells = places(new[column], slices.cell) if column in new.column_names else np.zeros(0, np.intp)
        for part in {slices.names[i] for i in range(len(slices.names))} & kept["slices"].keys():
            rows = new.filter(pa.array(np.isin(cells, [i for i, n in enumerate(slices.names) if n == part])))
            watched[part] = _fold(kept["slices"][part], rows, champion)
    moved["slices"] = kept["slices"] | watched
    with store.state.begin() as connection:
        store.state.move_cursor(connection, name, moved)
        for part, before, after in [(None, kept, moved), *((p, kept["slices"][p], w) for p, w in watched.items())]:
            state = msgspec.convert(after["state"], alarm.Harm)
            if not state.alarmed or msgspec.convert(before["state"], alarm.Harm).alarmed:
                continue
            history = after["history"]
            found = Raised(champion, part, datetime.fromisoformat(history[min(state.since, len(history) - 1)][0]))
            raised.append(found)
            connection.execute(
                insert(alarms).values(
                    version=champion,
                    slice=part,
                    evidence=state.evidence,
                    threshold=state.threshold,
                    since=found.since,
                    event_time=datetime.fromisoformat(history[-1][0]),
                    detail={"days": state.n, "reference": after["reference"]},
                )
            )
    return raised


def _fold(kept: Kept, outcomes: pa.Table, champion: int) -> Kept:
    """One stream's state after `outcomes`. The newest day stays open until a later one begins."""
    state = msgspec.convert(kept["state"], alarm.Harm)
    history, day = kept["history"], kept["day"]
    for label, losses, hours in _days(outcomes, champion):
        if day["label"] is None or label > day["label"]:
            if day["n"]:
                mean = day["sum"] / day["n"]
                state = state.update([mean], [day["hours"]])
                history = [*history, [day["label"], state.n, mean, state.evidence]]
            day = {"label": label, "sum": 0.0, "n": 0, "hours": [0] * HOURS}
        seen = np.bincount(hours, minlength=HOURS) + day["hours"]
        day = day | {"sum": day["sum"] + float(losses.sum()), "n": day["n"] + len(losses), "hours": seen.tolist()}
    return kept | {"state": msgspec.to_builtins(state), "history": history, "day": day}


def _days(outcomes: pa.Table, champion: int) -> list[tuple[str, NDArray[np.float64], NDArray[np.intp]]]:
    """Day (ISO 8601, UTC), losses and hours of the week of the champion's own answers, by the day of the label.

    A label that comes late counts for the day on which it came.
    """
    own = outcomes.filter(pc.and_(pc.equal(outcomes["version"], champion), pc.not_equal(outcomes["role"], "shadow")))
    own = own.filter(pc.is_finite(own["loss"]))
    losses, known = own["loss"].to_numpy(), own["label_time"].cast(pa.int64()).to_numpy() // _DAY
    monday = int(_MONDAY.timestamp()) * 1_000_000
    hours = (own["event_time"].cast(pa.int64()).to_numpy() - monday) // 3_600_000_000 % HOURS
    days = np.unique(known)
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        ((start + timedelta(days=int(d))).isoformat(), losses[known == d], hours[known == d].astype(np.intp))
        for d in days
    ]


def _begin(store: Store, name: str, champion: int, position: int) -> Kept:
    """A champion is watched from the moment it is one."""
    held, against = np.array(reference(store, champion).losses), baseline(store, champion)
    if against is None:
        kept = _stream(alarm.Harm((alarm.reference(held),) * HOURS, _DAYS_A_YEAR))
        slices: dict[str, Kept] = {}
    else:
        hours, parts = np.array(against.hours), _parts(against.slices)
        days = np.cumsum(np.diff(hours // 24, prepend=hours[:1] // 24) != 0)  # rows are in the order of time
        kept = _stream(alarm.daily(held, hours, HOURS, days, _DAYS_A_YEAR * (2 if parts else 1)))
        slices = {
            part: _stream(alarm.daily(held[rows], hours[rows], HOURS, days[rows], 2 * len(parts) * _DAYS_A_YEAR))
            for part, rows in parts.items()
        }
    kept |= {"position": position, "slices": slices}
    with store.state.begin() as connection:
        store.state.move_cursor(connection, name, kept)
    return kept


def _parts(slices: Any) -> dict[str, NDArray[np.intp]]:
    """The rows of the holdout of each slice that has enough of them."""
    found: dict[str, list[int]] = defaultdict(list)
    for each in slices.values():
        for row, cell in enumerate(each.of):
            found[each.names[cell]].append(row)
    return {name: np.array(rows) for name, rows in found.items() if len(rows) >= _LEAST}


def _stream(harm: alarm.Harm) -> Kept:
    """A stream without a label yet. `reference` is the mean over a week of what is allowed."""
    return {
        "state": msgspec.to_builtins(harm),
        "history": [],
        "day": {"label": None, "sum": 0.0, "n": 0, "hours": [0] * HOURS},  # the day that is not over
        "threshold": harm.threshold,
        "reference": float(np.mean(harm.reference)),
    }
