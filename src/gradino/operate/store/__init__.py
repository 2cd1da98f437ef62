"""Where everything lives: `.gradino/` of the project, or what `[store]` of its gradino.toml names instead.

`state` holds decisions and history (one SQL database), `tables` the versioned Delta tables, `objects` files and folders
named by their own SHA-256: raw batches and bundles. Every other room gets a `Store` and asks it.

    state → dialect            SQLite or PostgreSQL
    tables, objects            a folder or a bucket
    lock                       one at a time, on one machine
"""

import os
import secrets
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from obstore.store import LocalStore, ObjectStore, from_url

from gradino.operate.project.config import Storage, storage
from gradino.operate.store import dialect, lock
from gradino.operate.store.state import State, data_versions
from gradino.operate.store.tables import Tables

FOLDER = ".gradino"


@dataclass(frozen=True)
class Store:
    """All places of one project. `root` is the `.gradino` folder: all of it, or what only this machine needs."""

    root: Path

    @classmethod
    def of(cls, project_root: Path) -> "Store":
        """The store of a project, made on first use."""
        root = project_root / FOLDER
        root.mkdir(exist_ok=True)
        ignore = root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        return cls(root)

    @cached_property
    def state(self) -> State:
        return State(self._database("state"))

    @cached_property
    def objects(self) -> ObjectStore:
        """Files by name, wherever they last."""
        address = self._storage.objects
        return from_url(address) if address else LocalStore(prefix=self.root)

    @cached_property
    def tables(self) -> Tables:
        return Tables(self.objects, self._storage.objects or str(self.root), self.alone)

    def __reduce__(self) -> tuple[type["Store"], tuple[Path]]:
        return Store, (self.root,)  # a job opens its own connections

    def clock(self) -> datetime | None:
        """The event time that production has reached, before its first prediction that of the data; None at first."""
        kept = self.state.cursor("clock", None)
        if kept:
            return datetime.fromisoformat(kept)
        data = self.state.last(data_versions)
        return data.until if data else None

    @property
    def tracking_uri(self) -> str:
        """Of the MLflow tracker and registry."""
        if not self._storage.state:
            return self._database("mlflow")
        dialect.make_schema(self.state.engine, "mlflow")  # some of its tables are called as ours
        return f"{self._storage.state}?options=-csearch_path%3Dmlflow"

    @property
    def workflows_uri(self) -> str:
        """Of the database of DBOS, which has a schema of its own in PostgreSQL."""
        return self._database("dbos")

    def alone(self, name: str) -> AbstractContextManager[None]:
        """Hold `name`: one at a time of all that use this store. For two threads that may block each other."""
        if self._storage.state:
            return dialect.alone(self.state.engine, name)
        return lock.alone(self.folder("locks") / f"{name}.lock")

    def folder(self, *parts: str) -> Path:
        """A folder of this machine, made when absent: `raw`, `bundles`, `runs`, `wal`, `keys`, `environments`."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def keep(self, name: str) -> None:
        """Let a file or folder under `root`, named by its content, last. Complete or repeated, never half."""
        if not self._storage.objects:
            return
        path = self.root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                self.objects.put(file.relative_to(self.root).as_posix(), file)

    def forget(self, name: str) -> None:
        """Remove a file that `keep` kept."""
        with suppress(FileNotFoundError):
            self.objects.delete(name)
        (self.root / name).unlink(missing_ok=True)

    def at_hand(self, name: str) -> Path:
        """A folder that lasts, as a path under `root`; fetched where this machine does not have it yet.

        Nothing is believed of it: whoever reads it compares it with its name.
        """
        path = self.root / name
        if path.exists() or not self._storage.objects:
            return path
        staged = self.folder("fetched", secrets.token_hex(8))
        for listed in self.objects.list(name):
            for item in listed:
                target = staged / item["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(self.objects.get(item["path"]).bytes())
        if (staged / name).exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(staged / name, path)
            except OSError:  # another process was first
                if not path.exists():
                    raise
        return path

    @cached_property
    def _storage(self) -> Storage:
        return storage(self.root.parent)

    def _database(self, name: str) -> str:
        return self._storage.state or f"sqlite:///{self.root / f'{name}.db'}"
