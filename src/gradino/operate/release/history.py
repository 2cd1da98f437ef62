"""Who was champion when, and why: read from the deployments and the decisions that allowed them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gradino.operate.registry.aliases import Alias
from gradino.operate.release.rollout import PRODUCTION
from gradino.operate.store import Store
from gradino.operate.store.state import decisions, deployments, releases


@dataclass(frozen=True)
class Reign:
    """A version answers in production from `since` on (event time and wall clock) until the next one does."""

    version: int
    since: datetime | None
    at: datetime
    reason: str
    decision: str | None
    reasons: list[str]  # of that decision


def reigns(store: Store) -> list[Reign]:
    """All changes of champion, oldest first. The first model is deployed before there is an event time."""
    found: list[Reign] = []
    for row in store.state.rows(deployments, deployments.c.environment == PRODUCTION):
        if not found or found[-1].version != row.champion:
            found.append(Reign(row.champion, row.event_time, row.at, row.reason, row.decision, _why(store, row)))
    return found


def champion_at(store: Store, moment: datetime) -> Reign | None:
    """Who was champion at a moment of event time; None before the first."""
    found = [reign for reign in reigns(store) if reign.since is None or reign.since <= moment]
    return found[-1] if found else None


def aliases(store: Store) -> dict[Alias, int | None]:
    """Who is champion, who challenges it on live traffic, and who was champion before; empty before the first."""
    found = reigns(store)
    if not found:
        return {}
    tried = store.state.rows(releases, releases.c.stage.in_(("experiment", "ramp")))
    before = found[-2].version if len(found) > 1 else None
    return {"champion": found[-1].version, "challenger": tried[0].version if tried else None, "previous": before}


def _why(store: Store, row: Any) -> list[str]:
    decision = store.state.last(decisions, decisions.c.id == row.decision) if row.decision else None
    return list(decision.certificate["reasons"]) if decision else []
