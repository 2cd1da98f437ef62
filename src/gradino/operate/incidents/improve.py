"""Closing an incident: what it taught is written into the project, or accepted with a reason."""

from typing import Any

from sqlalchemy import Row

from gradino.errors import GradinoError
from gradino.operate.incidents import proposals as suggested
from gradino.operate.incidents.proposals import Kind, Proposal
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store.state import incidents, now


def incident(store: Store, number: int) -> Row[Any]:
    """One incident; GradinoError where there is none of that number."""
    row = store.state.last(incidents, incidents.c.id == number)
    if row is None:
        raise GradinoError(f"there is no incident {number}", "`gradino incidents` lists them")
    return row


def proposals(project: Project, store: Store, number: int) -> list[Proposal]:
    """What this incident suggests; the first is the closest to its cause."""
    return suggested.proposals(project, store, incident(store, number))


def close(project: Project, store: Store, number: int, kind: Kind, why: str) -> Proposal | None:
    """Write what is proposed under `kind` and close the incident with it; `accepted` writes nothing.

    Where nothing is proposed under a kind, `why` says what was done by hand.

    Raises:
        GradinoError: no such incident, it is closed, or nothing says how it was improved.
    """
    row = incident(store, number)
    if row.closed:
        raise GradinoError(f"incident {number} was closed by {row.improved_by}: {row.improvement}", "")
    found = next((p for p in proposals(project, store, number) if p.kind == kind), None)
    if found is None and not why:
        known = ", ".join(p.kind for p in proposals(project, store, number)) or "none"
        said = "say why it is accepted" if kind == "accepted" else f"gradino proposes no {kind} (proposed: {known})"
        raise GradinoError(said, 'give --because "…"')
    if found:
        found.write(project.root)
    words = why or (found.says if found else "")
    timeline = [*(row.timeline or []), {"at": now().isoformat(), "says": f"closed by {kind}: {words}"}]
    values = {"improved_by": kind, "improvement": words, "closed": now(), "timeline": timeline}
    store.state.change(incidents, incidents.c.id == number, **values)
    store.state.tell("incident", f"incident {number} closed by {kind}: {words}", f"incident:{number}:closed")
    return found
