"""Incidents as rows: what went wrong again is a note while one is open, and a repetition once it was closed."""

import hashlib
import re
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gradino.errors import GradinoError
from gradino.operate.store import Store
from gradino.operate.store.state import events as stories
from gradino.operate.store.state import gates, incidents, now

_CURSOR = "incidents"
_NOTES = 50  # of one incident
_NAMED = re.compile(r"\S*\d\S*")  # the number of a run, of rows, of a moment: another one is no other cause


def report(store: Store, what: str, error: GradinoError) -> None:
    """Open an incident for something that failed, and tell it."""
    title = f"{what} failed: {error.what}"
    evidence = {"what": error.what, "next": error.next, "trace": getattr(error, "trace", "")}
    kind = type(error).__name__.removesuffix("Error").lower()
    cause = f"{kind}:{hashlib.sha256(_NAMED.sub('#', title).encode()).hexdigest()[:12]}"
    with store.state.begin() as connection:
        new = record(connection, kind, title, cause, evidence, store.clock())
    if new:
        store.state.tell("incident", title, f"incident:{new}", next=error.next)


def notice(store: Store) -> None:
    """Open an incident for each alarm, refused release, roll back, refused batch, quarantine and crash of the story.

    Incidents and the place in the story move in one transaction, so a crash repeats nothing.
    """
    after = store.state.cursor(_CURSOR, 0)
    told = store.state.rows(stories, stories.c.id > after)
    if not told:
        return
    found = [(event, *known) for event in told if (known := _known(store, event.key, event.title))]
    with store.state.begin() as connection:
        for event, kind, cause in found:
            record(connection, kind, event.title, cause, event.detail, event.event_time)
        store.state.move_cursor(connection, _CURSOR, told[-1].id)


def record(
    connection: Connection, kind: str, title: str, cause: str, evidence: dict[str, Any], event_time: datetime | None
) -> int | None:
    """Open an incident, or note it in the open one of the same cause; returns the id of a new one."""
    entry = {"at": now().isoformat(), "says": title}
    same = connection.execute(select(incidents).where(incidents.c.cause == cause).order_by(incidents.c.id)).all()
    open_ = next((row for row in same if row.closed is None), None)
    if open_:
        timeline = [*(open_.timeline or []), entry]
        kept = timeline if len(timeline) <= _NOTES else [timeline[0], *timeline[2 - _NOTES :]]
        connection.execute(update(incidents).where(incidents.c.id == open_.id).values(timeline=kept))
        return None
    values = {"kind": kind, "title": title, "cause": cause, "evidence": evidence, "event_time": event_time}
    repeats = same[-1].id if same else None
    key = connection.execute(insert(incidents).values(**values, timeline=[entry], repeats=repeats)).inserted_primary_key
    return int(key[0]) if key else None


def learning(store: Store) -> dict[str, Any]:
    """What was learnt from incidents.

    `repeat_rate` is the share of those whose cause had been closed before, `improved` the share of the closed that led
    to an improvement: all but the accepted. None where there is nothing to divide.
    """
    rows = store.state.rows(incidents)
    closed = [row for row in rows if row.closed]
    improved = [row for row in closed if row.improved_by not in (None, "accepted")]
    return {
        "incidents": len(rows),
        "open": len(rows) - len(closed),
        "repeat_rate": sum(row.repeats is not None for row in rows) / len(rows) if rows else None,
        "improved": len(improved) / len(closed) if closed else None,
    }


def _known(store: Store, key: str, title: str) -> tuple[str, str] | None:
    """Kind and cause of an event that is an incident."""
    source, _, rest = key.partition(":")
    match source:
        case "alarm":
            return "alarm", f"harm:{rest.partition(':')[2] or 'all rows'}"
        case "quarantine":
            return "quarantine", f"quarantine:{title.partition('most often: ')[2]}"
        case "refused":
            return "data", f"data:{title.partition('most often: ')[2]}"
        case "rollback":
            return "rollback", "rollback"
        case "death":
            return "crash", f"crash:{rest.partition(':')[0]}"
        case "release" if rest.endswith(":refused"):
            failed = store.state.last(gates, gates.c.release == int(rest.partition(":")[0]), gates.c.verdict != "pass")
            return "release", f"gate:{failed.name if failed else '?'}"
    return None
