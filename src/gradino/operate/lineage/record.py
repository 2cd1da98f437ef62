"""What is on record of a version, taken only where its whole chain is intact: nothing is stated of what was changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from gradino.errors import IntegrityError
from gradino.operate import registry
from gradino.operate.lineage.trace import trace
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions, decisions, deployments, gates, releases, runs, versions


@dataclass(frozen=True)
class Record:
    """A version with the rows that tell of it, each list oldest first."""

    project: Project
    version: Row[Any]
    run: Row[Any]
    origin: registry.Lineage
    bundle: Path
    data: Sequence[Row[Any]]  # the versions of the data up to the one it was trained with
    release: Row[Any] | None
    gates: Sequence[Row[Any]]
    decisions: Sequence[Row[Any]]
    deployments: Sequence[Row[Any]]  # in production, as champion


def record(project: Project, store: Store, subject: str) -> Record:
    """What is on record of a version, or of the version that answered a prediction.

    Raises:
        ServiceError: nothing of that name is on record.
        IntegrityError: a link of its chain is broken.
    """
    chain = trace(project, store, subject)
    if broken := [link for link in chain if not link.verified]:
        what = f"{broken[0].kind} {broken[0].name}: {broken[0].says}"
        raise IntegrityError(what, f"see `gradino trace {subject}`; nothing is stated of what was changed")
    number = next(int(link.name[1:]) for link in chain if link.kind == "bundle")
    state = store.state
    (version,) = state.rows(versions, versions.c.number == number)
    (run,) = state.rows(runs, runs.c.id == version.run)
    bundle = store.at_hand(f"bundles/{version.bundle}")
    origin = registry.lineage(bundle)
    release = state.last(releases, releases.c.version == number)
    live = (deployments.c.environment == "production", deployments.c.champion == number)
    return Record(
        project,
        version,
        run,
        origin,
        bundle,
        state.rows(data_versions, data_versions.c.version <= origin.data_version),
        release,
        state.rows(gates, gates.c.release == release.id) if release else [],
        sorted(state.rows(decisions, decisions.c.subject == f"v{number}"), key=lambda row: row.at),
        state.rows(deployments, *live),
    )
