"""What serves where: every change is a new row in `deployments`, and the newest row of an environment is the truth."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from gradino.errors import ReleaseError
from gradino.operate.release import certificate
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, releases, versions

PRODUCTION, TEST = "production", "test"


def champion(store: Store) -> int | None:
    """The version that production's answers come from."""
    row = store.state.last(deployments, deployments.c.environment == PRODUCTION)
    return row.champion if row else None


def deploy(
    store: Store,
    environment: str,
    version: int,
    reason: str,
    *,
    challenger: int | None = None,
    weight: float = 0.0,
    decision: str | None = None,
    event_time: datetime | None = None,
) -> None:
    """Point an environment at a version, unless it is there already. Servers follow within a second."""
    now = store.state.last(deployments, deployments.c.environment == environment)
    if now and (now.champion, now.challenger, now.weight) == (version, challenger, weight):
        return
    store.state.add(
        deployments,
        environment=environment,
        champion=version,
        challenger=challenger,
        weight=weight,
        reason=reason,
        decision=decision,
        event_time=event_time,
    )


def promote(store: Store, release: int, version: int, reason: str, decision: str, event_time: datetime | None) -> None:
    """Make `version` champion of production: pointer, statuses and release move in one transaction.

    A release that is done is not promoted again.
    """
    before = champion(store)
    with store.state.begin() as connection:
        moved = connection.execute(
            update(releases)
            .where(releases.c.id == release, releases.c.stage != "done")
            .values(stage="done", verdict="pass", reason=reason, weight=1.0)
        ).rowcount
        if not moved:
            return
        _crown(connection, version, before, "retired", reason=reason, decision=decision, event_time=event_time)
    store.state.tell("deployment", f"v{version} is champion", f"champion:{release}", event_time, reason=reason)


def dismiss(
    store: Store, release: int, version: int, status: str, verdict: str, reason: str, event_time: datetime | None
) -> None:
    """End a release without promotion: the challenger leaves production, the champion stays."""
    with store.state.begin() as connection:
        connection.execute(
            update(releases).where(releases.c.id == release).values(stage="done", verdict=verdict, reason=reason)
        )
        connection.execute(update(versions).where(versions.c.number == version).values(status=status))
    now = store.state.last(deployments, deployments.c.environment == PRODUCTION)
    if now and now.challenger == version:
        deploy(store, PRODUCTION, now.champion, reason, event_time=event_time)
    store.state.tell("release", f"v{version} {status}", f"release:{release}:{status}", event_time, reason=reason)


def rollback(store: Store, reason: str, event_time: datetime | None = None) -> int:
    """Give production back to the champion before this one; returns its version.

    Raises:
        ReleaseError: there is no earlier champion.
    """
    history = store.state.rows(deployments, deployments.c.environment == PRODUCTION)
    current = history[-1].champion if history else None
    before = next((row.champion for row in reversed(history) if row.champion != current), None)
    if current is None or before is None:
        raise ReleaseError("there is no earlier champion to go back to", "see `gradino status` for what is live")
    decision = certificate.issue(
        store,
        "rollback",
        f"v{current}",
        "fail",
        event_time,
        inputs={"from": current, "to": before, "deployment": history[-1].id},
        evidence={},
        reasons=[reason],
    )
    with store.state.begin() as connection:
        _crown(connection, before, current, "rolled back", reason=reason, decision=decision, event_time=event_time)
    store.state.tell("deployment", f"rolled back to v{before}", f"rollback:{decision}", event_time, reason=reason)
    return int(before)


def _crown(connection: Connection, version: int, before: int | None, becomes: str, **why: Any) -> None:
    """Point production at `version`, alone, and give the champion before it its new status."""
    connection.execute(update(versions).where(versions.c.number == before).values(status=becomes))
    connection.execute(update(versions).where(versions.c.number == version).values(status="champion"))
    connection.execute(insert(deployments).values(environment=PRODUCTION, champion=version, weight=0.0, **why))
