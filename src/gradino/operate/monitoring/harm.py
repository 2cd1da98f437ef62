"""The harm alarm of the champion: has its loss in production risen above what it was released with?

The unit of evidence is the day: the mean loss of the labels that became known on it. Losses of one day resemble each
other – a storm, a holiday –, and to count every label as news would see harm where there is only weather.
"""

from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import insert

from gradino.inference import alarm
from gradino.operate.monitoring.reference import reference
from gradino.operate.store import Store
from gradino.operate.store.state import alarms

_DAYS_A_YEAR = 365.0  # the threshold: about one false alarm a year


def watch(store: Store, champion: int) -> bool:
    """Fold the champion's new outcomes into its alarm; returns whether it is raised now for the first time.

    State, history and alarm move in one transaction, so a crash repeats nothing.
    """
    name, until = f"harm:{champion}", store.tables.version("outcomes")
    kept = store.state.cursor(name, None) or _begin(store, name, champion, until)
    new = store.tables.added("outcomes", kept["position"], until)
    if new is None:
        return False
    before = after = msgspec.convert(kept["state"], alarm.Harm)
    history, day = kept["history"], kept["day"]
    for label, loss, count in _days(new, champion):
        if day["label"] is None or label > day["label"]:
            if day["n"]:
                after = after.update([day["sum"] / day["n"]])
                history = [*history, [day["label"], after.n, day["sum"] / day["n"], after.evidence]]
            day = {"label": label, "sum": 0.0, "n": 0}
        day = day | {"sum": day["sum"] + loss, "n": day["n"] + count}
    raised = after.alarmed and not before.alarmed
    moved = kept | {"position": until, "state": msgspec.to_builtins(after), "history": history, "day": day}
    with store.state.begin() as connection:
        store.state.move_cursor(connection, name, moved)
        if raised:
            connection.execute(
                insert(alarms).values(
                    version=champion,
                    evidence=after.evidence,
                    threshold=after.threshold,
                    since=datetime.fromisoformat(history[min(after.since, len(history) - 1)][0]),
                    event_time=datetime.fromisoformat(history[-1][0]),
                    detail={"days": after.n, "reference": after.reference},
                )
            )
    return raised


def _days(outcomes: pa.Table, champion: int) -> list[tuple[str, float, int]]:
    """Day (ISO 8601, UTC), sum of losses and their number, of the champion's own answers, by the day of the label.

    A label that comes late counts for the day on which it came.
    """
    own = outcomes.filter(pc.and_(pc.equal(outcomes["version"], champion), pc.not_equal(outcomes["role"], "shadow")))
    own = own.filter(pc.is_finite(own["loss"]))
    days = pa.table({"day": pc.floor_temporal(own["label_time"], unit="day"), "loss": own["loss"]})
    grouped = days.group_by("day").aggregate([("loss", "sum"), ("loss", "count")]).sort_by("day")
    rows = zip(*(grouped[name].to_pylist() for name in ("day", "loss_sum", "loss_count")), strict=True)
    return [(day.isoformat(), loss, count) for day, loss, count in rows]


def _begin(store: Store, name: str, champion: int, position: int) -> dict[str, Any]:
    """A champion is watched from the moment it is one."""
    harm = alarm.Harm(alarm.reference(reference(store, champion).losses), threshold=_DAYS_A_YEAR)
    kept = {
        "position": position,
        "state": msgspec.to_builtins(harm),
        "history": [],
        "day": {"label": None, "sum": 0.0, "n": 0},  # the day that is not over
        "threshold": harm.threshold,
        "reference": harm.reference,
    }
    with store.state.begin() as connection:
        store.state.move_cursor(connection, name, kept)
    return kept
