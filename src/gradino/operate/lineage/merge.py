"""The log's many small files become few large ones, and its chain of seals goes on as if nothing had happened.

Merged are sealed files that follow each other, `FAN` of one tier to one of the next, so that a row is written anew once
per tier; files that are large are left alone. Each step may be killed and repeated: the merged file is written, what it
holds is compared with the seals, then its seal takes the place of theirs in one transaction, then it takes their place
in the table in one commit. What was merged is deleted by a later call, when nobody reads it any more.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import Row, delete, select

from gradino.errors import IntegrityError
from gradino.operate.lineage.seal import chained_rows, write
from gradino.operate.store import Store
from gradino.operate.store.merged import Merged
from gradino.operate.store.merged import write as write_merged
from gradino.operate.store.state import now, sealed_ids, seals
from gradino.operate.store.tables import LOG

FAN = 64  # files of a tier that become one
FULL = 64 * 2**20  # bytes from which on a file is left alone; so a merged one has less than twice that
GRACE = timedelta(hours=1)  # until what was merged is deleted
_SHARE = 0.1  # of `keep`: so much longer a row may stay because of those it was merged with


def merge(store: Store, keep: timedelta | None = None) -> int:
    """Merge what is due; returns how many files were replaced.

    Raises:
        IntegrityError: a file is not what was sealed, or what was merged is not what was there. It is not replaced; the
            other tables are merged.
    """
    replaced, broken = 0, None
    for name in LOG:
        replaced += _settle(store, name)
        try:
            while run := _due(store, name, keep):
                _merge(store, name, run)
                replaced += _settle(store, name)
        except IntegrityError as error:
            broken = error
    if broken:
        raise broken
    return replaced


def _due(store: Store, name: str, keep: timedelta | None) -> list[Row[Any]]:
    """The oldest files that are to become one. The newest is none of them: sealing goes on from it."""
    files = store.tables.files(name)
    run: list[Row[Any]] = []
    for row in _rows(store, name)[:-1]:
        if files.get(row.file, (FULL, None))[0] >= FULL:
            run = []
            continue
        if run and not _together(run, row, files, keep):
            run = []
        run.append(row)
        if len(run) == FAN or (len(run) > 1 and sum(files[one.file][0] for one in run) >= FULL):
            return run
    return []


def _together(
    run: list[Row[Any]], row: Row[Any], files: dict[str, tuple[int, datetime | None]], keep: timedelta | None
) -> bool:
    """Whether a file may be merged with those before it: no commit or expired file between, and near in time."""
    if row.before != run[-1].seal or row.version == run[-1].version or _tier(row) != _tier(run[-1]):
        return False
    ends = [end for one in (*run, row) if (end := files[one.file][1])]
    return keep is None or not ends or max(ends) - min(ends) <= keep * _SHARE


def _merge(store: Store, name: str, run: list[Row[Any]]) -> None:
    first, last = Merged.of(run[0].file), run[-1]
    new = Merged(_tier(last) + 1, first.first if first else run[0].version, last.version)
    staged = store.folder("merged") / f"{name}.parquet"
    write_merged([(row.version, _sealed(store, row)) for row in run], staged)
    with pa.memory_map(str(staged)) as file:
        content = memoryview(file.read_buffer())
        if chained_rows(run[0].before, content, last.version) != last.seal:
            raise IntegrityError(f"{new.file} does not hold the rows that were sealed", "this is a bug: report it")
        store.tables.stage(name, new, staged)
        with store.state.begin() as connection:
            own = [row.id for row in run]
            connection.execute(delete(sealed_ids).where(sealed_ids.c.seal.in_(own)))
            connection.execute(delete(seals).where(seals.c.id.in_(own)))
            files = [file for row in run for file in (row.file, *(row.replaces or ()))]
            write(store, connection, name, new.file, last.version, content, run[0].before, last.seal, files)
    staged.unlink()
    pa.default_memory_pool().release_unused()


def _settle(store: Store, name: str) -> int:
    """Bring the table to what the seals say, and delete what was merged a while ago."""
    replaced, live = 0, store.tables.files(name)
    for row in _rows(store, name):
        new = Merged.of(row.file)
        if not new or not row.replaces:
            continue
        if row.file not in live:
            store.tables.replace(name, row.replaces, new)
            replaced += len(row.replaces)
        elif now() - row.at > GRACE:
            store.tables.forget(name, row.replaces)
            store.state.change(seals, seals.c.id == row.id, replaces=[])
    if replaced:
        needed = [row.version for row in _rows(store, name) if not Merged.of(row.file)]
        store.tables.tidy(name, min(needed, default=store.tables.version(name)))
    return replaced


def _rows(store: Store, name: str) -> list[Row[Any]]:
    """The seals of the files that were not let go, in the order of their rows."""
    with store.state.engine.connect() as connection:
        own = select(seals).where(seals.c.table == name, seals.c.expired.is_(None))
        return list(connection.execute(own.order_by(seals.c.version, seals.c.id)))


def _sealed(store: Store, row: Row[Any]) -> memoryview:
    try:
        content = store.tables.content(row.table, row.file)
    except FileNotFoundError:
        content = memoryview(b"")
    if hashlib.sha256(content).hexdigest() != row.digest:
        what = f"tables/{row.table}/{row.file} is not what was sealed, so it is not merged"
        raise IntegrityError(what, "see `gradino trace --all`")
    return content


def _tier(row: Row[Any]) -> int:
    merged = Merged.of(row.file)
    return merged.tier if merged else 0
