"""What serves where: every change is a new row in `deployments`, and the newest row of an environment is the truth."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

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


def promote(
    store: Store,
    release: int,
    version: int,
    reason: str,
    decision: str,
    event_time: datetime | None,
    probation: dict[str, Any] | None = None,
) -> None:
    """Make `version` champion of production: pointer, statuses and release move in one transaction.

    With `probation`, values of the release's row, it is not done yet, and the champion before stays as its shadow. A
    release that was promoted is not promoted again.
    """
    told = {"stage": "done", "verdict": "pass", "reason": reason, "weight": 1.0} | (probation or {})
    with store.state.begin() as connection:
        open_ = (releases.c.id == release, releases.c.stage.in_(("gates", "experiment", "ramp")))
        if not connection.execute(update(releases).where(*open_).values(**told)).rowcount:
            return
        why = {"reason": reason, "decision": decision, "event_time": event_time}
        _crown(connection, version, "retired", shadowed=bool(probation), **why)
        said, key = f"v{version} is champion", f"champion:{release}"
        store.state.tell_within(connection, "deployment", said, key, event_time, reason=reason)


def dismiss(
    store: Store, release: int, version: int, status: str, verdict: str, reason: str, event_time: datetime | None
) -> None:
    """End a release without promotion: the challenger leaves production, the champion stays."""
    with store.state.begin() as connection:
        if not _end(connection, releases.c.id == release, verdict=verdict, reason=reason):
            return
        connection.execute(update(versions).where(versions.c.number == version).values(status=status))
        _alone(connection, version, reason, event_time)
        title, key = f"v{version} {status}", f"release:{release}:{status}"
        store.state.tell_within(connection, "release", title, key, event_time, reason=reason)


def settle(store: Store, release: int, shadow: int, reason: str, event_time: datetime | None) -> None:
    """End a probation well: the champion before stops shadowing the new one."""
    with store.state.begin() as connection:
        if _end(connection, releases.c.id == release):
            _alone(connection, shadow, reason, event_time)


def rollback(
    store: Store, reason: str, event_time: datetime | None = None, inputs: dict[str, Any] | None = None, **evidence: Any
) -> int:
    """Give production back to the champion before this one; returns its version. `inputs` and evidence are signed too.

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
        inputs={"from": current, "to": before, "deployment": history[-1].id, **(inputs or {})},
        evidence=evidence,
        reasons=[reason],
    )
    key, title = f"rollback:{decision}", f"rolled back from v{current} to v{before}"
    why: dict[str, Any] = {"reason": reason, "decision": decision}
    with store.state.begin() as connection:
        live = _live(connection)
        if live and live.champion != current:  # another was first
            return int(live.champion)
        _end(connection, releases.c.version == current, reason=reason)
        _crown(connection, before, "rolled back", event_time=event_time, **why)
        advice = "find out why the gates let it pass, and add one"
        store.state.tell_within(connection, "deployment", title, key, event_time, next=advice, **why)
    return int(before)


def _end(connection: Connection, *which: Any, **values: Any) -> bool:
    """Close an open release; whether there was one."""
    ended = update(releases).where(*which, releases.c.stage != "done").values(stage="done", **values)
    return connection.execute(ended).rowcount > 0


def _live(connection: Connection) -> Row[Any] | None:
    of_production = select(deployments).where(deployments.c.environment == PRODUCTION)
    return connection.execute(of_production.order_by(deployments.c.id.desc()).limit(1)).first()


def _alone(connection: Connection, challenger: int, reason: str, event_time: datetime | None) -> None:
    """Let the champion serve without this challenger or shadow."""
    live = _live(connection)
    if live and live.challenger == challenger:
        _point(connection, live.champion, reason=reason, event_time=event_time)


def _crown(connection: Connection, version: int, becomes: str, shadowed: bool = False, **why: Any) -> None:
    """Point production at `version`, alone or shadowed by the champion before it, which gets its new status."""
    live = _live(connection)
    before = live.champion if live else None
    connection.execute(update(versions).where(versions.c.number == before).values(status=becomes))
    connection.execute(update(versions).where(versions.c.number == version).values(status="champion"))
    _point(connection, version, before if shadowed else None, **why)


def _point(connection: Connection, champion: int, challenger: int | None = None, **why: Any) -> None:
    row = {"environment": PRODUCTION, "champion": champion, "challenger": challenger, "weight": 0.0, **why}
    connection.execute(insert(deployments).values(**row))
