"""Where everything lives: `.gradino/` of the project, and nowhere else.

`state` holds decisions and history (one SQL database), `tables` the versioned Delta tables; raw batches and bundles
are files and folders named by their own SHA-256. Every other room gets a `Store` and asks it.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from gradino.operate.store.state import State, data_versions
from gradino.operate.store.tables import Tables

FOLDER = ".gradino"


@dataclass(frozen=True)
class Store:
    """All places of one project. `root` is the `.gradino` folder."""

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
        return State(f"sqlite:///{self.root / 'state.db'}")

    @cached_property
    def tables(self) -> Tables:
        return Tables(self.folder("tables"))

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
        return f"sqlite:///{self.root / 'mlflow.db'}"

    def folder(self, *parts: str) -> Path:
        """A folder of the store, made when absent: `raw`, `bundles`, `runs`, `wal`, `keys`, `environments`."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path
