"""Versioned Delta tables: append exactly once, read any version, know each version by its content.

Names: `rows` (accepted data), `quarantine`, `predictions`, `feedback`, `outcomes`.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError
from obstore.store import ObjectStore

# Without these, Delta forgets old versions after 30 days and deletes their files after 7.
_KEEP = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.deletedFileRetentionDuration": "interval 3650 days",
}


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
        parts = [rows_of(content) for content in self._contents(name, self.added_files(name, after, until))]
        return pa.concat_tables(parts, promote_options="permissive") if parts else None

    def content(self, name: str, file: str) -> memoryview:
        """A file as it lies there now; FileNotFoundError where it is gone."""
        return memoryview(self.objects.get(f"tables/{name}/{file}").bytes())

    def added_files(self, name: str, after: int, until: int) -> list[str]:
        """The data files that versions `after + 1 … until` added, read from their commits alone."""
        files = []
        for version in range(after + 1, until + 1):
            commit = bytes(self.content(name, f"_delta_log/{version:020}.json"))
            actions = [json.loads(line) for line in commit.splitlines()]
            files += [unquote(action["add"]["path"]) for action in actions if "add" in action]
        return files

    def files_before(self, name: str, moment: datetime) -> list[str]:
        """The files of which every row has an `event_time` before `moment`."""
        table = self.open(name)
        if table is None:
            return []
        newest = pa.table(table.get_add_actions(flatten=True))
        if "max.event_time" not in newest.column_names:
            return []
        rows = zip(newest["path"].to_pylist(), newest["max.event_time"].to_pylist(), strict=True)
        # Delta cuts statistics off at the millisecond.
        return [unquote(path) for path, last in rows if last and last + timedelta(milliseconds=1) <= moment]

    def let_go(self, name: str, files: list[str]) -> None:
        """Take files out of the table in one commit; their bytes stay until `forget`."""
        at = int(datetime.now(UTC).timestamp() * 1000)
        with self.alone(f"table-{name}"):
            version = self.version(name) + 1
            actions: list[dict[str, object]] = [{"commitInfo": {"timestamp": at, "operation": "DELETE"}}]
            actions += [
                {"remove": {"path": quote(file), "deletionTimestamp": at, "dataChange": True}}
                for file in sorted(set(files) & self._files(name, self.version(name)))
            ]
            commit = "\n".join(map(json.dumps, actions)).encode()
            if len(actions) > 1:
                self.objects.put(f"tables/{name}/_delta_log/{version:020}.json", commit, mode="create")

    def forget(self, name: str, files: list[str]) -> None:
        """Delete the bytes of files that no longer belong to the table."""
        present = {f"tables/{name}/{file}" for file in set(files) - self._files(name, self.version(name))}
        listed = (item["path"] for part in self.objects.list(f"tables/{name}") for item in part)
        for path in [path for path in listed if path in present]:
            self.objects.delete(path)

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
                    configuration=_KEEP,
                    commit_properties=CommitProperties(app_transactions=moved),
                )
        return self.version(name)

    def digests(self, name: str, version: int, known: dict[str, str]) -> dict[str, str]:
        """SHA-256 of each data file of a version; files never change, so those in `known` are not read again."""
        return {file: known.get(file) or self.file_digest(name, file) for file in self._files(name, version)}

    def file_digest(self, name: str, file: str) -> str:
        return hashlib.sha256(self.content(name, file)).hexdigest()

    def _contents(self, name: str, files: list[str]) -> Iterator[memoryview]:
        """Of these files, without those that were let go and forgotten; FileNotFoundError where another is gone."""
        for file in files:
            try:
                yield self.content(name, file)
            except FileNotFoundError:
                if file in self._files(name, self.version(name)):
                    raise

    def _files(self, name: str, version: int) -> set[str]:
        table = self.open(name, version)
        return {unquote(uri.rpartition(f"/{name}/")[2]) for uri in table.file_uris()} if table else set()

    def _place(self, name: str) -> str:
        return f"{self.address}/tables/{name}"


def rows_of(content: memoryview, columns: list[str] | None = None) -> pa.Table:
    """The rows of a data file."""
    return pq.ParquetFile(pa.BufferReader(content)).read(columns)


def content_digest(files: dict[str, str]) -> str:
    """One SHA-256 for a set of files that are known by theirs."""
    return hashlib.sha256("".join(f"{d}  {f}\n" for f, d in sorted(files.items())).encode()).hexdigest()
