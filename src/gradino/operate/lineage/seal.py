"""The log keeps its word: each data file of `predictions`, `feedback` and `outcomes` is hashed once it is written.

A seal also contains the seal before it and is signed, so no row of the history can be changed, dropped or put in
unseen; and one seal proves its file without a look at the others. With the seal it is noted which prediction ids the
file holds. Ids of one worker count up, so a prefix and two numbers say it for ten thousand rows.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Row, insert, select

from gradino.operate import registry
from gradino.operate.store import Store
from gradino.operate.store.state import sealed_ids, seals
from gradino.operate.store.tables import rows_of

SEALED = ("predictions", "feedback", "outcomes")
_ID = re.compile(r"(.+)-([0-9a-f]{1,15})")


def seal(store: Store) -> None:
    """Seal the files that were written since the last call."""
    for name in SEALED:
        last = store.state.last(seals, seals.c.table == name)
        begun, before = (last.version, last.seal) if last else (0, "")
        done = {row.file for row in store.state.rows(seals, seals.c.table == name, seals.c.version == begun)}
        for version in range(begun, store.tables.version(name) + 1):
            for file in store.tables.added_files(name, version - 1, version):
                if file not in done:
                    before = _seal(store, name, version, file, before)


def _seal(store: Store, name: str, version: int, file: str, before: str) -> str:
    content = store.tables.content(name, file)
    digest = hashlib.sha256(content).hexdigest()
    found = chained(before, file, digest)
    signature = b64encode(registry.signing_key(store).sign(found.encode(), ec.ECDSA(hashes.SHA256()))).decode()
    ids = rows_of(content, ["prediction_id"])["prediction_id"].to_pylist() if name == "predictions" else []
    row = {"table": name, "file": file, "version": version, "digest": digest, "seal": found, "signature": signature}
    with store.state.begin() as connection:
        made = connection.execute(insert(seals).values(row)).inserted_primary_key
        assert made is not None
        for prefix, (first, last) in _spans(ids).items():
            connection.execute(insert(sealed_ids).values(seal=made[0], prefix=prefix, first=first, last=last))
    return found


def chained(before: str, file: str, digest: str) -> str:
    """The seal of a file after the seal `before`."""
    return hashlib.sha256(f"{before}\n{file}\n{digest}".encode()).hexdigest()


def sealed_with(store: Store, prediction: str) -> list[Row[Any]]:
    """The seals of the files that may hold a prediction, oldest first: few, mostly one."""
    prefix, number = _split(prediction)
    holds = (sealed_ids.c.prefix == prefix, sealed_ids.c.first <= number, sealed_ids.c.last >= number)
    return store.state.rows(seals, seals.c.id.in_(select(sealed_ids.c.seal).where(*holds)))


def sound(store: Store, row: Row[Any]) -> bool:
    """Whether a seal is what was chained to the one before it, and carries our signature."""
    before = store.state.last(seals, seals.c.table == row.table, seals.c.id < row.id)
    if chained(before.seal if before else "", row.file, row.digest) != row.seal:
        return False
    try:
        key = registry.signing_key(store).public_key()
        key.verify(b64decode(row.signature), row.seal.encode(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _spans(ids: list[str]) -> dict[str, tuple[int, int]]:
    spans: dict[str, tuple[int, int]] = {}
    for identity in ids:
        prefix, number = _split(identity)
        first, last = spans.get(prefix, (number, number))
        spans[prefix] = min(first, number), max(last, number)
    return spans


def _split(identity: str) -> tuple[str, int]:
    """A prediction id as its worker's prefix and number; any other text is its own prefix."""
    found = _ID.fullmatch(identity)
    return (found[1], int(found[2], 16)) if found else (identity, 0)
