"""What the log has gained becomes evidence, one commit after the other: so the order of the rows is the log's own."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gradino.operate.project import Project
from gradino.operate.release import experiment, health
from gradino.operate.store import Store


def commits(project: Project, store: Store, after: int, until: int) -> Iterator[pa.Table]:
    """The rows that each version `after + 1 … until` of the table `outcomes` added, with the column `unit` if there is.

    A row whose request named no unit is a unit of its own, as it was for the server.
    """
    for new in store.tables.commits("outcomes", after, until):
        yield _with_units(store, new, f"x_{project.project.unit}") if project.project.unit else new


def catch_up(
    project: Project, store: Store, evidence: dict[str, Any], position: int, champion: int, challenger: int
) -> tuple[dict[str, Any], int]:
    """The evidence after all that is new since `position` of `outcomes`, and the new position."""
    until, logged = store.tables.version("outcomes"), store.tables.version("predictions")
    for new in commits(project, store, position, until):
        evidence = evidence | experiment.fold(evidence, new, champion, challenger)
    seen, asked, failed = evidence["health"]
    if logged > seen:
        more = health.counted(store.tables.added("predictions", seen, logged), challenger)
        evidence = evidence | {"health": [logged, asked + more[0], failed + more[1]]}
    return evidence, until


def _with_units(store: Store, outcomes: pa.Table, column: str) -> pa.Table:
    table = store.tables.open("predictions")
    if table is None or column not in {field.name for field in pa.schema(table.schema().to_arrow())}:
        return outcomes
    times = pc.min_max(outcomes["event_time"])
    during = (pc.field("event_time") >= times["min"]) & (pc.field("event_time") <= times["max"])
    own = pc.field("role") != "shadow"
    known = store.tables.read("predictions", columns=["prediction_id", column], where=during & own)
    both = outcomes.join(known, "prediction_id", join_type="left outer")
    unit = pc.coalesce(pc.cast(both[column], pa.string()), both["prediction_id"])
    return both.drop_columns([column]).append_column("unit", unit)
