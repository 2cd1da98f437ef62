"""Recompute what a data version claims to be, from the bytes."""

import hashlib

from gradino.errors import IntegrityError
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions
from gradino.operate.store.tables import content_digest


def verify(store: Store, version: int) -> str:
    """Hash every data file of a version and every raw batch it grew from; returns the version's digest.

    Raises:
        IntegrityError: names the first file that is not what it was, or is gone.
    """
    row = store.state.last(data_versions, data_versions.c.version == version)
    if row is None:
        raise IntegrityError(f"data version {version} is not on record", "`gradino data log` lists those that are")
    files = manifest(store, version)
    for file, digest in files.items():
        _check(store, f"tables/rows/{file}", digest)
    for past in store.state.rows(data_versions, data_versions.c.version <= version):
        _check(store, f"raw/{past.raw}.parquet", past.raw)
    if content_digest(files) != row.digest:
        raise IntegrityError(
            f"the record of data version {version} does not add up to its digest {row.digest}",
            "somebody changed the state database; restore it from a backup",
        )
    return str(row.digest)


def manifest(store: Store, version: int) -> dict[str, str]:
    """All data files of a version with their SHA-256. Each version's row holds those it added: none is ever removed."""
    rows = store.state.rows(data_versions, data_versions.c.version <= version)
    return {file: digest for row in rows for file, digest in row.files.items()}


def _check(store: Store, name: str, digest: str) -> None:
    try:
        found = hashlib.sha256(memoryview(store.objects.get(name).bytes())).hexdigest()
    except FileNotFoundError:
        found = "nothing"
    if found != digest:
        raise IntegrityError(
            f"{name} was written with sha256 {digest} and now has {found}", "restore the file from a backup"
        )
