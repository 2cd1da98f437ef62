"""The log keeps its word: each data file of `predictions`, `feedback` and `outcomes` is hashed once it is written.

A seal also contains the seal before it, so no row of the history can be changed, dropped or put in unseen.
"""

import hashlib

from gradino.operate.store import Store
from gradino.operate.store.state import seals

SEALED = ("predictions", "feedback", "outcomes")


def seal(store: Store) -> None:
    """Seal the files that were written since the last call."""
    for name in SEALED:
        last = store.state.last(seals, seals.c.table == name)
        after, until = last.version - 1 if last else -1, store.tables.version(name)
        for version in range(after + 1, until + 1):
            for file in store.tables.added_files(name, version - 1, version):
                digest = store.tables.file_digest(name, file)
                store.state.add_once(
                    seals,
                    {"table": name, "file": file},
                    version=version,
                    digest=digest,
                    seal=chained(last.seal if last else "", file, digest),
                )
                last = store.state.last(seals, seals.c.table == name)


def chained(before: str, file: str, digest: str) -> str:
    """The seal of a file after the seal `before`."""
    return hashlib.sha256(f"{before}\n{file}\n{digest}".encode()).hexdigest()
