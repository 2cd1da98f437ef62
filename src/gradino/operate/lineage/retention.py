"""The log forgets on purpose: data files whose rows are all older than `[serving] keep` go, their seals stay.

Whole files only, so every seal remains true of the bytes it was made for. That a file was let go is signed, like the
seal itself: a file that is gone without that is still a broken link.
"""

from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Row

from gradino.operate import registry
from gradino.operate.store import Store
from gradino.operate.store.state import seals
from gradino.operate.store.tables import LOG


def expire(store: Store, keep: timedelta, clock: datetime) -> int:
    """Let go of what is older than `keep` at the event time `clock`; how many files. May be repeated after a crash.

    The seal says so first, then the table. The bytes are deleted by the next call: until then, a step that stopped
    before this one can still read the version of the table at which it stopped.
    """
    gone = 0
    for name in LOG:
        known = {row.file: row for row in store.state.rows(seals, seals.c.table == name)}
        if let_go := [old for file, row in known.items() if row.expired for old in (file, *(row.replaces or ()))]:
            store.tables.forget(name, let_go)
        files = store.tables.files(name)
        due = [file for file, (_, last) in files.items() if file in known and last and last <= clock - keep]
        for file in due:
            row = known[file]
            signature = registry.signing_key(store).sign(_said(row), ec.ECDSA(hashes.SHA256()))
            store.state.change(seals, seals.c.id == row.id, expired=b64encode(signature).decode())
        if due:
            store.tables.let_go(name, due)
        gone += len(due)
    return gone


def expired(store: Store, row: Row[Any]) -> bool:
    """Whether we have said that the file of this seal was let go."""
    if row.expired is None:
        return False
    try:
        registry.signing_key(store).public_key().verify(b64decode(row.expired), _said(row), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _said(row: Row[Any]) -> bytes:
    return f"expired {row.before} {row.seal} {row.file}".encode()
