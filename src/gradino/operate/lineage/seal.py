"""The log keeps its word: whatever is written to it is sealed, once, right after its commit.

Two things are said of a file. Its bytes have a digest. Its rows have another, and each commit's is chained to the one
before it; so the chain is one of content, which files may be merged under and which can be recomputed from the rows
alone. Our signature is under both. So no row of the history can be changed, dropped or put in unseen, and one signature
proves its file without a look at the others. With the seal it is noted which prediction ids the file holds. Ids of one
worker count up, so a prefix and two numbers say it for ten thousand rows.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from typing import Any

import pyarrow.parquet as pq
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyarrow import BufferReader
from sqlalchemy import Connection, Row, insert, select

from gradino.operate import registry
from gradino.operate.lineage.rows import Rows
from gradino.operate.store import Store
from gradino.operate.store.merged import VERSION, runs, whole
from gradino.operate.store.state import sealed_ids, seals
from gradino.operate.store.tables import LOG, rows_of

_ID = re.compile(r"(.+)-([0-9a-f]{1,15})")


def seal(store: Store) -> None:
    """Seal the files that were written since the last call."""
    for name in LOG:
        last = newest(store, name)
        begun, before = (last.version, last.seal) if last else (0, "")
        done = {row.file for row in store.state.rows(seals, seals.c.table == name, seals.c.version == begun)}
        for version in range(begun, store.tables.version(name) + 1):
            for file in store.tables.added_files(name, version - 1, version):
                if file not in done:
                    content = store.tables.content(name, file)
                    after = chained_rows(before, content, version)
                    with store.state.begin() as connection:
                        write(store, connection, name, file, version, content, before, after)
                    before = after


def write(
    store: Store,
    connection: Connection,
    name: str,
    file: str,
    version: int,
    content: memoryview,
    before: str,
    after: str,
    replaces: list[str] | None = None,
) -> None:
    """The seal of a file, signed, and which prediction ids it holds, in the caller's transaction."""
    row = {"table": name, "file": file, "version": version, "before": before, "seal": after, "replaces": replaces}
    digest = hashlib.sha256(content).hexdigest()
    signed = registry.signing_key(store).sign(_said(before, after, file, digest), ec.ECDSA(hashes.SHA256()))
    row |= {"digest": digest, "signature": b64encode(signed).decode()}
    made = connection.execute(insert(seals).values(row)).inserted_primary_key
    assert made is not None
    ids = rows_of(content, ["prediction_id"])["prediction_id"].to_pylist() if name == "predictions" else []
    for prefix, (first, last) in _spans(ids).items():
        connection.execute(insert(sealed_ids).values(seal=made[0], prefix=prefix, first=first, last=last))


def newest(store: Store, name: str) -> Row[Any] | None:
    """The seal of a table's newest commit."""
    with store.state.engine.connect() as connection:
        own = select(seals).where(seals.c.table == name)
        return connection.execute(own.order_by(seals.c.version.desc(), seals.c.id.desc()).limit(1)).first()


def chained(before: str, version: int, rows: str) -> str:
    """The seal after a commit, by the digest of its rows."""
    return hashlib.sha256(f"{before}\n{version}\n{rows}".encode()).hexdigest()


def chained_rows(before: str, content: memoryview, version: int) -> str:
    """The seal after all rows of a file that `version` added, or of a merged one, whose rows say it themselves."""
    if VERSION not in pq.read_schema(BufferReader(content)).names:
        table = rows_of(content)
        return chained(before, version, Rows(table).digest(0, len(table)))
    for piece in whole(content):
        rows = Rows(piece.drop_columns([VERSION]))
        for each, begin, end in runs(piece[VERSION].to_numpy()):
            before = chained(before, each, rows.digest(begin, end))
    return before


def sealed_with(store: Store, prediction: str) -> list[Row[Any]]:
    """The seals of the files that may hold a prediction, oldest first: few, mostly one."""
    prefix, number = _split(prediction)
    holds = (sealed_ids.c.prefix == prefix, sealed_ids.c.first <= number, sealed_ids.c.last >= number)
    return store.state.rows(seals, seals.c.id.in_(select(sealed_ids.c.seal).where(*holds)))


def sound(store: Store, row: Row[Any]) -> bool:
    """Whether a seal begins where another ends, and carries our signature."""
    if row.before and not store.state.count(seals, seals.c.table == row.table, seals.c.seal == row.before):
        return False
    try:
        key = registry.signing_key(store).public_key()
        said = _said(row.before, row.seal, row.file, row.digest)
        key.verify(b64decode(row.signature), said, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _said(before: str, after: str, file: str, digest: str) -> bytes:
    return f"{before}\n{after}\n{file}\n{digest}".encode()


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
