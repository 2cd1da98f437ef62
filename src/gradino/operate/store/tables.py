"""Versioned Delta tables: append exactly once, read any version, know each version by its content.

Names: `rows` (accepted data), `quarantine`, and those of the log: `predictions`, `feedback`, `outcomes`, `corrections`.
The log is read by what its versions added; its many small files are merged, and its oldest commits tidied away.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError
from obstore.store import ObjectStore

from gradino.operate.store import merged
from gradino.operate.store.merged import VERSION, Merged

LOG = ("predictions", "feedback", "outcomes", "corrections")
# Without these, Delta forgets old versions after 30 days and deletes their files after 7.
_KEEP = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.deletedFileRetentionDuration": "interval 3650 days",
}
# Of the log `tidy` says what can go; what was merged need not be listed in each checkpoint for ever.
_KEEP_OF_LOG = _KEEP | {"delta.deletedFileRetentionDuration": "interval 1 hours"}
_COMMIT = re.compile(r"(\d{20})\.(json|checkpoint.*\.parquet)")


@dataclass(frozen=True)
class Tables:
    """All tables of a store: files under `tables/` of `objects`, which delta-rs knows by its `address`."""

    objects: ObjectStore
    address: str
    alone: Callable[[str], AbstractContextManager[None]]
    # Opening reads the whole log, catching up only what is new. An open table is not for two threads.
    _opened: dict[tuple[str, int], DeltaTable] = field(default_factory=dict, repr=False, compare=False)

    def open(self, name: str, version: int | None = None) -> DeltaTable | None:
        """The table at a version (newest when None), or None where it was never written."""
        key = name, threading.get_ident()
        try:
            if version is not None:
                return DeltaTable(self._place(name), version=version)
            if key in self._opened:
                self._opened[key].update_incremental()
            else:
                self._opened[key] = DeltaTable(self._place(name))
        except TableNotFoundError:
            return None
        return self._opened[key]

    def version(self, name: str) -> int:
        """Newest version, -1 where the table was never written."""
        table = self.open(name)
        return table.version() if table else -1

    def read(
        self,
        name: str,
        version: int | None = None,
        columns: list[str] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table | None:
        """The rows of a version (those that match `where`), in no promised order."""
        table = self.open(name, version)
        return table.to_pyarrow_table(columns=columns, filters=where) if table else None

    def added(self, name: str, after: int, until: int) -> pa.Table | None:
        """The rows that versions `after + 1 … until` appended; None when there are none."""
        parts = list(self.pieces(name, after, until))
        return pa.concat_tables(parts, promote_options="permissive") if parts else None

    def pieces(self, name: str, after: int, until: int, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """The same, oldest first and piece by piece: one is in memory at a time."""
        for rows in self._pieces(name, after, until, columns):
            yield rows.drop_columns([VERSION]) if VERSION in rows.column_names else rows

    def commits(self, name: str, after: int, until: int) -> Iterator[pa.Table]:
        """What each of the versions `after + 1 … until` appended, oldest first, however its files were merged since."""
        for rows in self._pieces(name, after, until, None):
            if VERSION not in rows.column_names:
                yield rows
                continue
            own = rows.drop_columns([VERSION])
            for _, begin, end in merged.runs(rows[VERSION].to_numpy()):
                yield own.slice(begin, end - begin)

    def _pieces(self, name: str, after: int, until: int, columns: list[str] | None) -> Iterator[pa.Table]:
        """What versions appended, without what was let go; rows of merged files with their version.

        Files may be merged while this reads. FileNotFoundError where one is missing that the table has.
        """
        known = self._merged(name)
        while after < until:
            found = next((one for one in known if one.first <= after + 1 <= one.last), None)
            files = [found.file] if found else self._added(name, after + 1)
            contents = [None] if files is None else [self._present(name, file) for file in files]
            if None in contents and (now := self._merged(name)) != known:
                known = now
                continue
            present = [content for content in contents if content is not None]
            if found:
                for content in present:
                    yield from merged.whole(content, after, until, columns)
            elif present:
                parts = [rows_of(content, columns) for content in present]
                yield pa.concat_tables(parts, promote_options="permissive")
            after = found.last if found else after + 1

    def content(self, name: str, file: str) -> memoryview:
        """A file as it lies there now; FileNotFoundError where it is gone."""
        return memoryview(self.objects.get(f"tables/{name}/{file}").bytes())

    def added_files(self, name: str, after: int, until: int) -> list[str]:
        """The data files that versions `after + 1 … until` appended, read from their commits alone."""
        return [file for version in range(after + 1, until + 1) for file in self._added(name, version) or ()]

    def files(self, name: str) -> dict[str, tuple[int, datetime | None]]:
        """The files of the newest version: bytes, and the moment before which every row has its `event_time`."""
        table = self.open(name)
        if table is None:
            return {}
        found = pa.table(table.get_add_actions(flatten=True))
        last = found["max.event_time"].to_pylist() if "max.event_time" in found.column_names else [None] * len(found)
        return {
            # Delta cuts statistics off at the millisecond.
            unquote(path): (size, moment and moment + timedelta(milliseconds=1))
            for path, size, moment in zip(found["path"].to_pylist(), found["size_bytes"].to_pylist(), last, strict=True)
        }

    def let_go(self, name: str, files: list[str]) -> None:
        """Take files out of the table in one commit; their bytes stay until `forget`."""
        with self.alone(f"table-{name}"):
            gone = sorted(set(files) & self._live(name))
            if gone:
                self._commit(name, "DELETE", [_remove(file, changed=True) for file in gone])

    def stage(self, name: str, new: Merged, content: Path) -> None:
        """Lay the bytes of a merged file beside those of the table, which does not know it yet."""
        self.objects.put(f"tables/{name}/{new.file}", content)

    def replace(self, name: str, old: list[str], new: Merged) -> None:
        """Put a staged file where those of `old` are that are there, in one commit without a change of data.

        May be repeated after a crash. The bytes of `old` stay until `forget`.
        """
        with self.alone(f"table-{name}"):
            live = self._live(name)
            if new.file in live:
                return
            if not set(old) & live:
                raise FileNotFoundError(f"{new.file} replaces nothing that is in {name}")
            content = self.content(name, new.file)
            stats = json.dumps(merged.statistics(content))
            add = {"path": new.file, "partitionValues": {}, "size": len(content), "dataChange": False, "stats": stats}
            add["modificationTime"] = _now()
            self._commit(
                name, "OPTIMIZE", [*(_remove(file, changed=False) for file in sorted(set(old) & live)), {"add": add}]
            )

    def tidy(self, name: str, needed: int) -> None:
        """Write a checkpoint and remove the commits before it, as far as all are before the version `needed`."""
        with self.alone(f"table-{name}"):
            table = self.open(name)
            if table is None:
                return
            table.create_checkpoint()
            end = min(needed, table.version())
            for version, path in self._log(name):
                if version < end:
                    self.objects.delete(path)

    def forget(self, name: str, files: list[str]) -> None:
        """Delete the bytes of files that no longer belong to the table."""
        for file in sorted(set(files) - self._live(name)):
            with suppress(FileNotFoundError):
                self.objects.delete(f"tables/{name}/{file}")

    def position(self, name: str, writer: str) -> int:
        """The last sequence number that `writer` appended, -1 when none."""
        table = self.open(name)
        last = table.transaction_version(writer) if table else None
        return -1 if last is None else last

    def append(self, name: str, data: pa.Table, writer: str, sequence: int) -> int:
        """Append `data` exactly once: a `sequence` not above the writer's last one adds nothing.

        The sequence is committed in the table's own log, so a crash leaves both or neither. Two that append the same
        sequence at the same time are kept apart by a lock: delta-rs commits both. Returns the version.
        """
        return self.append_many(name, data, {writer: sequence})

    def append_many(self, name: str, data: pa.Table, sequences: Mapping[str, int]) -> int:
        """Append what several writers wrote in one commit; adds nothing unless it is new for each of them."""
        with self.alone(f"table-{name}"):
            if all(self.position(name, writer) < sequence for writer, sequence in sequences.items()):
                moved = [Transaction(writer, sequence) for writer, sequence in sequences.items()]
                write_deltalake(
                    self.open(name) or self._place(name),
                    data,
                    mode="append",
                    schema_mode="merge",
                    configuration=_KEEP_OF_LOG if name in LOG else _KEEP,
                    commit_properties=CommitProperties(app_transactions=moved),
                )
        return self.version(name)

    def digests(self, name: str, version: int, known: dict[str, str]) -> dict[str, str]:
        """SHA-256 of each data file of a version; files never change, so those in `known` are not read again."""
        return {file: known.get(file) or self.file_digest(name, file) for file in self._files(name, version)}

    def file_digest(self, name: str, file: str) -> str:
        return hashlib.sha256(self.content(name, file)).hexdigest()

    def _present(self, name: str, file: str) -> memoryview | None:
        """A file's content; None where it is no longer in the table."""
        try:
            return self.content(name, file)
        except FileNotFoundError:
            if file in self._live(name):
                raise
            return None

    def _added(self, name: str, version: int) -> list[str] | None:
        """The files that a version added; None where its commit was tidied away: they are merged, or were let go."""
        try:
            commit = bytes(self.content(name, f"_delta_log/{version:020}.json"))
        except FileNotFoundError:
            if version >= min((known for known, path in self._log(name) if path.endswith(".json")), default=0):
                raise
            return None
        added = [action["add"] for action in map(json.loads, commit.splitlines()) if "add" in action]
        return [unquote(add["path"]) for add in added if add["dataChange"]]

    def _merged(self, name: str) -> list[Merged]:
        return [one for file in self._live(name) if (one := Merged.of(file))] if name in LOG else []

    def _log(self, name: str) -> list[tuple[int, str]]:
        """Commits and checkpoints that are there, by version."""
        paths = [item["path"] for part in self.objects.list(f"tables/{name}/_delta_log") for item in part]
        return sorted((int(found[1]), p) for p in paths if (found := _COMMIT.fullmatch(p.rpartition("/")[2])))

    def _commit(self, name: str, operation: str, actions: list[dict[str, Any]]) -> None:
        """The next version of a table whose lock is held."""
        info = {"commitInfo": {"timestamp": _now(), "operation": operation}}
        commit = "\n".join(map(json.dumps, [info, *actions])).encode()
        self.objects.put(f"tables/{name}/_delta_log/{self.version(name) + 1:020}.json", commit, mode="create")

    def _live(self, name: str) -> set[str]:
        """The files of the newest version."""
        table = self.open(name)
        return _names(table, name) if table else set()

    def _files(self, name: str, version: int) -> set[str]:
        table = self.open(name, version)
        return _names(table, name) if table else set()

    def _place(self, name: str) -> str:
        return f"{self.address}/tables/{name}"


def rows_of(content: memoryview, columns: list[str] | None = None) -> pa.Table:
    """The rows of a data file."""
    return pq.ParquetFile(pa.BufferReader(content)).read(columns)


def _names(table: DeltaTable, name: str) -> set[str]:
    return {unquote(uri.rpartition(f"/{name}/")[2]) for uri in table.file_uris()}


def _remove(file: str, *, changed: bool) -> dict[str, Any]:
    return {"remove": {"path": quote(file), "deletionTimestamp": _now(), "dataChange": changed}}


def _now() -> int:
    """Milliseconds, as Delta has them."""
    return int(datetime.now(UTC).timestamp() * 1000)


def content_digest(files: dict[str, str]) -> str:
    """One SHA-256 for a set of files that are known by theirs."""
    return hashlib.sha256("".join(f"{d}  {f}\n" for f, d in sorted(files.items())).encode()).hexdigest()
