"""What waits for a label when an operator ends, so that the next one need not read the whole log to find it out.

A file named by its content; the cursor `waiting` says which. Without it, or where it is not what the cursor says, the
log is read from its beginning: slower, with the same result.
"""

import hashlib
from typing import Any

import msgspec

from gradino.operate.store import Store

_CURSOR = "waiting"


class Waiting(msgspec.Struct, frozen=True):
    """Predictions without a label and labels without a prediction, at these versions of the tables."""

    predictions: int = -1
    feedback: int = -1
    outcomes: int = -1
    open: list[dict[str, Any]] = []
    early: list[dict[str, Any]] = []


def save(store: Store, waiting: Waiting) -> None:
    """Keep it, in the place of the one before; a kill leaves one of both."""
    content = msgspec.msgpack.encode(waiting)
    digest, before = hashlib.sha256(content).hexdigest(), store.state.cursor(_CURSOR, None)
    store.objects.put(f"waiting/{digest}", content)
    with store.state.begin() as connection:
        store.state.move_cursor(connection, _CURSOR, digest)
    if before not in (None, digest):
        store.forget(f"waiting/{before}")


def load(store: Store) -> Waiting:
    """What was kept last; that of an empty log where there is none."""
    digest = store.state.cursor(_CURSOR, None)
    try:
        content = bytes(store.objects.get(f"waiting/{digest}").bytes()) if digest else b""
    except FileNotFoundError:
        return Waiting()
    intact = digest and hashlib.sha256(content).hexdigest() == digest
    return msgspec.msgpack.decode(content, type=Waiting) if intact else Waiting()
