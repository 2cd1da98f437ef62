"""What retraining rests on and what it brought: facts folded from the outcomes, promises, and what became of them."""

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Row, func, select

from gradino.operate.monitoring import reference
from gradino.operate.retraining.rules import MONTH, Facts, Past
from gradino.operate.store import Store
from gradino.operate.store.state import alarms, data_versions, profiles, releases, retrainings, runs, versions

_CURSOR = "retraining-facts"


def facts(
    store: Store, champion: int, last: Row[Any], data_version: int, recent: int, event_time: datetime | None
) -> Facts:
    """The facts about a champion; `last` is the newest run, and `recent` how many losses are wanted."""
    folded = _fold(store, champion, last, recent)
    held = reference(store, champion)
    trained = last.event_time
    waited = event_time - trained if event_time and trained else None
    newest = _newest_row(store, champion)
    ended = store.state.rows(retrainings, retrainings.c.gained.is_not(None))
    return Facts(
        labels=folded["labels"],
        traffic=max(folded["labels"], _answered(store, champion, trained)),
        waited=waited,
        age=event_time - newest if event_time and newest else None,
        recent=np.array(folded["recent"]),
        reference=np.array(held.losses) * held.scale,
        alarmed=bool(store.state.count(alarms, alarms.c.version == champion)),
        new_rows=last.data_version is None or data_version > last.data_version,
        this_month=store.state.count(retrainings, retrainings.c.event_time > event_time - MONTH) if event_time else 0,
        past=[Past(row.labels, row.promised, row.gained, row.outcome == "promoted") for row in ended],
    )


def promise(
    store: Store, run: str, champion: int, policy: str, numbers: dict[str, Any], event_time: datetime | None
) -> None:
    """Write down what a retraining was expected to bring."""
    kept = {name: numbers[name] for name in ("labels", "promised", "avoided", "cost")}
    store.state.add_once(retrainings, {"run": run}, champion=champion, policy=policy, event_time=event_time, **kept)


def settle(store: Store) -> None:
    """Write down what ended retrainings really gained: the loss per prediction saved, as the experiment saw it.

    A model that never got to an experiment gained nothing.
    """
    for row in store.state.rows(retrainings, retrainings.c.outcome.is_(None)):
        ended = _ended(store, row)
        if ended is not None:
            outcome, gained = ended
            store.state.change(retrainings, retrainings.c.run == row.run, outcome=outcome, gained=gained)


def _ended(store: Store, row: Row[Any]) -> tuple[str, float] | None:
    run = store.state.last(runs, runs.c.id == row.run)
    if run is None or run.status == "failed":
        return "failed", 0.0
    release = store.state.last(releases, releases.c.version == run.version) if run.version is not None else None
    if release is None or release.stage not in ("done", "probation"):
        return None
    mean = (release.experiment or {}).get("mean")
    gained = mean * reference(store, row.champion).scale if mean is not None else 0.0
    version = store.state.last(versions, versions.c.number == run.version)
    promoted = version is not None and version.status in ("champion", "retired", "rolled back")
    return ("promoted" if promoted else version.status if version else "refused"), gained


def _fold(store: Store, champion: int, last: Row[Any], recent: int) -> dict[str, Any]:
    """Labels since the last training and the champion's newest losses, in the unit of the target."""
    kept = store.state.cursor(_CURSOR, {"position": -1, "champion": None, "run": None, "labels": 0, "recent": []})
    until = store.tables.version("outcomes")
    moved: dict[str, Any] = kept | {"position": until, "champion": champion, "run": last.id}
    if kept["run"] != last.id:
        moved |= {"labels": 0}
    if kept["champion"] != champion:
        moved |= {"recent": []}
    new = store.tables.added("outcomes", kept["position"], until)
    if new is not None:
        own = new.filter(pc.and_(pc.not_equal(new["role"], "shadow"), pc.is_finite(new["loss"]))).sort_by("label_time")
        known = own["label_time"]
        after = pc.sum(pc.greater(known, last.event_time)).as_py() if last.event_time else len(own)
        theirs = own.filter(pc.equal(own["version"], champion))
        losses = pc.multiply(theirs["loss"], theirs["scale"].cast(pa.float64())).to_pylist()
        moved |= {"labels": moved["labels"] + (after or 0), "recent": [*moved["recent"], *losses][-recent:]}
    if moved != kept:
        with store.state.begin() as connection:
            store.state.move_cursor(connection, _CURSOR, moved)
    return moved


def _answered(store: Store, champion: int, since: datetime | None) -> int:
    """Predictions of a champion since the day of the last training."""
    where = [profiles.c.version == champion, *([profiles.c.day >= since.date().isoformat()] if since else [])]
    with store.state.begin() as connection:
        return int(connection.execute(select(func.sum(profiles.c.rows)).where(*where)).scalar() or 0)


def _newest_row(store: Store, version: int) -> datetime | None:
    """The event time up to which the data of a version's training went."""
    run = store.state.last(runs, runs.c.version == version)
    data = store.state.last(data_versions, data_versions.c.version == run.data_version) if run else None
    return data.until if data else None
