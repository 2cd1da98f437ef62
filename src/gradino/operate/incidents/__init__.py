"""What went wrong, as rows: opened by whatever noticed it, closed by an improvement."""

import hashlib

from gradino.errors import GradinoError
from gradino.operate.store import Store
from gradino.operate.store.state import incidents


def report(store: Store, what: str, error: GradinoError) -> None:
    """Open an incident and tell it; the same thing that goes on going wrong stays one incident."""
    title = f"{what} failed: {error.what}"
    key = hashlib.sha256(title.encode()).hexdigest()[:16]
    evidence = {"what": error.what, "next": error.next, "trace": getattr(error, "trace", "")}
    kind = type(error).__name__.removesuffix("Error").lower()
    if store.state.add_once(incidents, {"key": key}, kind=kind, title=title, evidence=evidence):
        store.state.tell("incident", title, f"incident:{key}", next=error.next)
