"""The harm alarm of the champion: has its loss in production risen above what it was released with?"""

from datetime import datetime
from typing import Any

import msgspec
import pyarrow.compute as pc
from sqlalchemy import insert

from gradino.inference import alarm
from gradino.inference.alarm import Harm
from gradino.operate.monitoring.reference import labels_a_year, reference
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store.state import alarms

_ORDER = ("label_time", "event_time", "prediction_id")
_POINTS = 400  # of the history kept for the page; thinned by half when it is full


def watch(project: Project, store: Store, champion: int) -> bool:
    """Fold the champion's new outcomes into its alarm; returns whether it is raised now for the first time.

    State, history and alarm move in one transaction, so a crash repeats nothing.
    """
    name, until = f"harm:{champion}", store.tables.version("outcomes")
    kept = store.state.cursor(name, None) or _begin(project, store, name, champion, until)
    new = store.tables.added("outcomes", kept["position"], until)
    if new is None:
        return False
    own = new.filter(pc.and_(pc.equal(new["version"], champion), pc.not_equal(new["role"], "shadow")))
    own = own.filter(pc.is_finite(own["loss"])).sort_by([(key, "ascending") for key in _ORDER])
    before = msgspec.convert(kept["state"], Harm)
    after = before.update(own["loss"].to_numpy())
    raised = after.alarmed and not before.alarmed
    times = own["event_time"].to_pylist()
    starts = [
        times[min(row - before.n, len(times) - 1)].isoformat() if row >= before.n and times else old
        for row, old in zip(after.starts, kept["starts"], strict=True)
    ]
    history = kept["history"]
    if times:
        point = [times[-1].isoformat(), after.n, pc.mean(own["loss"]).as_py(), after.evidence]
        history = _thin([*history, point])
    moved = kept | {
        "position": until,
        "state": msgspec.to_builtins(after),
        "starts": starts,
        "history": history,
    }
    with store.state.begin() as connection:
        store.state.move_cursor(connection, name, moved)
        if raised:
            connection.execute(
                insert(alarms).values(
                    version=champion,
                    evidence=after.evidence,
                    threshold=after.threshold,
                    since=datetime.fromisoformat(starts[after.starts.index(after.since)]),
                    event_time=times[-1],
                    detail={"labels": after.n, "reference": after.reference},
                )
            )
    return raised


def _begin(project: Project, store: Store, name: str, champion: int, position: int) -> dict[str, Any]:
    """A champion is watched from the moment it is one."""
    allowed = alarm.reference(reference(store, champion).losses)
    harm = Harm(allowed, threshold=labels_a_year(project, store))
    kept = {
        "position": position,
        "state": msgspec.to_builtins(harm),
        "history": [],
        "starts": [None] * len(harm.starts),
        "threshold": harm.threshold,
        "reference": harm.reference,
    }
    with store.state.begin() as connection:
        store.state.move_cursor(connection, name, kept)
    return kept


def _thin(history: list[Any]) -> list[Any]:
    return history[::2] if len(history) > _POINTS else history
